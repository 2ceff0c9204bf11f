package main

import (
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
	quick               bool
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
	flag.StringVar(&o.proxies, "proxies", "", "parts of names of proxies, with commas: tollgate, fsync, tmpfs, indexed, fleet, reverseproxy, nginx, haproxy (all)")
	flag.BoolVar(&o.quick, "quick", false, "three short rounds over HTTP/1.1")
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
		if o.cases == "" {
			o.cases = "h1-get,h1-post"
		}
	}
	s := settings{rounds: o.rounds, connections: o.connections, duration: o.duration, warm: o.warm, profile: o.profile}
	if !o.quick && o.cases == "" && o.proxies == "" {
		s.target = o.write
	}
	var err error
	if s.tasks, err = chosen(o.cases); err != nil {
		return s, err
	}
	for _, p := range proxies() {
		if matches(p.name, o.proxies) {
			s.proxies = append(s.proxies, p)
		}
	}
	if len(s.proxies) == 0 {
		return s, fmt.Errorf("no proxy is called like %q", o.proxies)
	}
	return s, nil
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
	if err := w.prepare(); err != nil {
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
func (w *world) prepare() error {
	var err error
	if w.cores, err = share(); err != nil {
		return err
	}
	if err := w.build(); err != nil {
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
