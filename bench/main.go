package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rounds, connections int
	duration, warm      time.Duration
	cases, proxies      string
	parts               string
	quick               bool
	own                 bool
	base                string
	disk, memory        string
	write, profile      string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 7, "rounds; in each, every proxy has one turn at every case")
	flag.IntVar(&o.connections, "connections", 32, "connections of callers, with one call at a time each")
	flag.DurationVar(&o.duration, "duration", time.Second, "length of a turn")
	flag.DurationVar(&o.warm, "warm", 300*time.Millisecond, "time before a turn in which calls do not count")
	flag.StringVar(&o.cases, "cases", "", "parts of names of cases, with commas: h1, h2, get, post, 64k, pay (all)")
	flag.StringVar(&o.proxies, "proxies", "", "parts of names of proxies, with commas: tollgate, fsync, tmpfs, indexed, read, fleet, reverseproxy, nginx, haproxy (all)")
	flag.StringVar(&o.parts, "parts", "", "parts of names of what is measured, with commas: load, latency, handshakes, start, memory (all)")
	flag.BoolVar(&o.own, "own", false, "leave out the kernel's threads, which on a busy machine work for others")
	flag.StringVar(&o.base, "base", "", "a `folder` with another state of Tollgate's code: its build takes part as tollgate-base")
	flag.BoolVar(&o.quick, "quick", false, "three short rounds, unless set otherwise, of HTTP/1.1 GET and POST 1 KB and of load, latency and start")
	flag.StringVar(&o.disk, "disk", "/var/tmp", "a `folder` on a disk, for audit log and other logs")
	flag.StringVar(&o.memory, "memory", "/dev/shm", "a `folder` on a tmpfs, for the audit log without fsync")
	flag.StringVar(&o.write, "write", "", "a Markdown `file` whose figures are replaced, if the run is a whole one")
	flag.StringVar(&o.profile, "profile", "", "sample each chosen proxy at each chosen case with perf instead of measuring; samples go to `folder`")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o options) settings() (settings, error) {
	if o.quick {
		o.rounds, o.duration, o.warm = 3, 500*time.Millisecond, 200*time.Millisecond
		o.cases, o.parts = cmp.Or(o.cases, "h1-get,h1-post1k"), cmp.Or(o.parts, "load,latency,start")
	}
	s := settings{rounds: o.rounds, connections: o.connections, duration: o.duration, warm: o.warm, profile: o.profile, base: o.base, own: o.own}
	if !o.quick && o.cases == "" && o.proxies == "" && o.parts == "" && o.base == "" && !o.own {
		s.target = o.write
	}
	for _, part := range []string{loadPart, latencyPart, handshakesPart, startPart, memoryPart} {
		if matches(part, o.parts) {
			s.parts = append(s.parts, part)
		}
	}
	for _, p := range proxies() {
		if matches(p.name, o.proxies) && (p.name != baseName || o.base != "") {
			s.proxies = append(s.proxies, p)
		}
	}
	if len(s.parts) == 0 || len(s.proxies) == 0 {
		return s, fmt.Errorf("nothing that is measured is called like %q, or no proxy like %q", o.parts, o.proxies)
	}
	var err error
	s.tasks, err = chosen(o.cases)
	return s, err
}

func run(o options) error {
	s, err := o.settings()
	if err != nil {
		return err
	}
	w, err := newWorld(o.disk, o.memory)
	if w != nil {
		defer w.remove()
	}
	if err != nil {
		return err
	}
	if err := w.prepare(s.base); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &runner{w, s, newResults(), os.Stderr}
	if s.profile != "" {
		return r.profileAll(ctx)
	}
	if err := r.measure(ctx); ctx.Err() != nil {
		return errors.New("interrupted")
	} else if err != nil {
		return err
	}
	return r.publish()
}

// prepare builds what is measured, and leaves the proxies' core to them.
func (w *world) prepare(base string) error {
	var err error
	if w.cores, err = share(); err != nil {
		return err
	}
	if err := w.build(base); err != nil {
		return err
	}
	return w.cores.confine()
}

// publish prints the tables and puts them where they are wanted.
func (r *runner) publish() error {
	text := report(r.settings, r.results)
	fmt.Print(text)
	if r.target == "" {
		return nil
	}
	return rewrite(r.target, text)
}

func (r *runner) profileAll(ctx context.Context) error {
	return r.with(ctx, func(all []contestant) error {
		for _, c := range all {
			for _, t := range r.tasks {
				file := filepath.Join(r.settings.profile, c.name+"-"+t.name+".perf")
				if err := errors.Join(ctx.Err(), r.world.profile(c, t, r.settings, file, os.Stdout)); err != nil {
					return c.blame(t, err)
				}
			}
		}
		return nil
	})
}
