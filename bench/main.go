package main

import (
	"flag"
	"fmt"
	"io"
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
	profile             string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 7, "rounds; in each, every proxy has one turn at every case")
	flag.IntVar(&o.connections, "connections", 32, "connections of callers, with one call at a time each")
	flag.DurationVar(&o.duration, "duration", time.Second, "length of a turn")
	flag.DurationVar(&o.warm, "warm", 300*time.Millisecond, "time before a turn in which calls do not count")
	flag.StringVar(&o.cases, "cases", "", "parts of names of cases, with commas: h1, h2, get, post, 64k, pay (all)")
	flag.StringVar(&o.proxies, "proxies", "", "parts of names of proxies, with commas: tollgate, fsync, tmpfs, reverseproxy, nginx, haproxy (all)")
	flag.BoolVar(&o.quick, "quick", false, "three short rounds over HTTP/1.1")
	flag.StringVar(&o.disk, "disk", "/var/tmp", "a `folder` on a disk, for audit log and other logs")
	flag.StringVar(&o.memory, "memory", "/dev/shm", "a `folder` on a tmpfs, for the audit log without fsync")
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
	s := settings{rounds: o.rounds, connections: o.connections, duration: o.duration, warm: o.warm}
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
	if w.cores, err = share(); err != nil {
		return err
	}
	if err := w.build(); err != nil {
		return err
	}
	if err := w.cores.confine(); err != nil {
		return err
	}
	s.profile = o.profile
	return w.measure(s, os.Stderr)
}

// measure runs everything and prints the tables. Whatever happens, no proxy is left behind.
func (w *world) measure(s settings, progress io.Writer) error {
	all, err := w.enter(s, progress)
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	if err != nil {
		return err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	r := newResults()
	done := make(chan error, 1)
	go func() { done <- w.work(all, s, r, progress) }()
	select {
	case <-interrupted:
		return fmt.Errorf("interrupted")
	case err := <-done:
		if err != nil {
			return err
		}
	}
	if s.profile == "" {
		fmt.Print(report(s, r))
	}
	return nil
}

func (w *world) work(all []contestant, s settings, r *results, progress io.Writer) error {
	if s.profile != "" {
		return w.profileAll(all, s)
	}
	return w.compete(all, s, r, progress)
}

func (w *world) profileAll(all []contestant, s settings) error {
	for _, c := range all {
		for _, t := range s.tasks {
			file := filepath.Join(s.profile, c.name+"-"+t.name+".perf")
			if err := w.profile(c, t, s, file, os.Stdout); err != nil {
				return c.blame(t, err)
			}
		}
	}
	return nil
}
