package chaos

import (
	"math/rand/v2"
	"time"
)

// fault is a thing that breaks, and how it is repaired.
type fault struct {
	name       string
	begin, end func(*world)
	most       time.Duration // that it lasts
}

func nothing(*world) {}

func faultEvents(faults []fault) (events []event) {
	for _, f := range faults {
		events = append(events, event{f.name, f.last})
	}
	return events
}

// last has the fault last for a while.
func (f fault) last(w *world, random *rand.Rand) error {
	f.begin(w)
	pause(random, f.most)
	f.end(w)
	return nil
}

// redisEvents are what befalls Redis. Members upload again what it has lost.
func redisEvents() []event {
	pass := func(w *world) { w.toRedis.Pass() }
	return faultEvents([]fault{
		{"killed", func(w *world) { w.redis.Kill() }, func(w *world) { w.redis.Restart(nil) }, 2 * time.Second},
		{"restarted empty", func(w *world) { w.redis.Restart(nil) }, nothing, time.Second},
		{"stopped", func(w *world) { w.redis.Stop() }, func(w *world) { w.redis.Continue() }, 2 * time.Second},
		{"slow", func(w *world) { w.toRedis.Delay(500 * time.Millisecond) }, pass, 2 * time.Second},
		{"emptied", func(w *world) { w.redis.Do("FLUSHALL") }, nothing, time.Second},
		{"unreachable", func(w *world) { w.toRedis.Refuse() }, pass, 2 * time.Second},
		{"connections reset", func(w *world) { w.toRedis.Reset() }, nothing, time.Second},
		{"answers cut", func(w *world) { w.toRedis.Cut(3000) }, pass, 2 * time.Second},
		{"half an answer", func(w *world) { w.toRedis.Half() }, pass, time.Second},
		{"answers lost", func(w *world) { w.toRedis.LoseAnswers() }, pass, 2 * time.Second},
		{"nonsense", func(w *world) { w.toRedis.Answer("HTTP/1.1 400 Bad Request\r\n\r\n") }, pass, time.Second},
		{"full", func(w *world) { w.redis.Do("CONFIG", "SET", "maxmemory", "1") }, func(w *world) { w.redis.Do("CONFIG", "SET", "maxmemory", "0") }, 2 * time.Second},
	})
}
