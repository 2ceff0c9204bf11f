package chaos

import "time"

// upstreamEvents are what befalls the provider and the way to it.
func upstreamEvents() []event {
	pass := func(w *world) { w.upstream.Pass() }
	calm := func(w *world) { w.provider.be(faultless) }
	mood := func(name string, m mood) fault {
		return fault{name, func(w *world) { w.provider.be(m) }, calm, 3 * time.Second}
	}
	return faultEvents([]fault{
		{"killed", func(w *world) { w.upstream.Refuse() }, pass, 2 * time.Second},
		{"stopped", func(w *world) { w.upstream.BlackHole() }, pass, 4 * time.Second},
		{"slow", func(w *world) { w.upstream.Delay(400 * time.Millisecond) }, pass, 2 * time.Second},
		{"connections reset", func(w *world) { w.upstream.Reset() }, nothing, time.Second},
		{"connections ended", func(w *world) { w.upstream.Break() }, nothing, time.Second},
		{"answers cut", func(w *world) { w.upstream.Cut(20_000) }, pass, 2 * time.Second},
		{"half an answer", func(w *world) { w.upstream.Half() }, pass, 4 * time.Second},
		{"answers lost", func(w *world) { w.upstream.LoseAnswers() }, pass, 4 * time.Second},
		{"a certificate of another authority", disguise, unmask, 2 * time.Second},
		mood("fails", serverError), mood("throttles", throttled), mood("a front end fails after it has acted", badGateway),
		mood("connections reset in the middle of answers", resetAnswer), mood("answers cut in the middle", cutAnswer),
		mood("neither acts nor answers", unanswered), mood("slow by itself", slow),
	})
}

// disguise has the provider show a certificate of an authority that no gateway trusts, on new connections and so on all.
func disguise(w *world) {
	w.provider.show(&w.provider.foreign)
	w.upstream.Break()
}

func unmask(w *world) {
	w.provider.show(nil)
	w.upstream.Break()
}
