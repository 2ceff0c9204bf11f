package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// moneyPlain is for tests that need no cap.
const moneyPlain = moneyCallers

// crashPoint is a moment of a payment at which the gateway is killed.
type crashPoint struct {
	name string
	// reach begins a payment of the order, and returns when the gateway is at the point.
	reach func(*world, *process)
	// after is what the log must say of the call in the end; empty: there may be no record of it.
	after string
}

var crashPoints = []crashPoint{
	{"reserved, and the intent is not on the disk", (*world).untilIntent, ""},
	{"sent, and the provider has not acted", (*world).untilSent, logfile.Unknown},
	{"the provider has acted, and no answer has come", (*world).untilActed, logfile.Unknown},
	{"the outcome is on its way to the disk", (*world).untilOutcome, ""},
	{"the caller has its answer, and no state file knows", (*world).untilAnswered, logfile.Succeeded},
	{"the state file is being replaced", (*world).untilSaved, logfile.Succeeded},
}

// TestCrashPoints kills the gateway at each point of a payment. With the state file and without, the order is paid once, and never
// again by itself.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	for _, point := range crashPoints {
		for _, keep := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, state file kept %v", point.name, keep), func(t *testing.T) {
				w := newMoneyWorld(t, moneyPlain)
				w.start().stop() // leaves a state file of a log without payments
				p := w.start()
				point.reach(w, p)
				w.killStalled(p)
				if !keep {
					must(t, os.Remove(w.stateFile()))
				}
				w.paidOnceAfter(point.after)
			})
		}
	}
}

func (w *world) stateFile() string { return w.file("audit/spend.state") }

// begin attempts to pay the order. The attempt ends with the gateway.
func (w *world) begin(p *process) {
	transport, address := &http.Transport{DisableKeepAlives: true}, p.address("keys")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = paying(asShop, 0, floodOrder).send(transport, address)
	}()
	w.t.Cleanup(func() { <-ended })
}

func (w *world) untilIntent(p *process) {
	w.stall(p, "fdatasync")
	w.begin(p)
	eventually(w.t, "the act is reserved", func() bool {
		var held struct{ Acts []struct{ Call string } }
		w.asJSON(&held, "acts")
		return len(held.Acts) == 1
	})
}

// mentions reports whether the live segment has a text, perhaps in a line that is not complete.
func (w *world) mentions(text string) bool {
	segments := w.segments()
	live, err := os.ReadFile(segments[len(segments)-1])
	return err == nil && strings.Contains(string(live), text)
}

func (w *world) untilSent(p *process) {
	hold := w.holdPayments()
	w.begin(p)
	<-hold.arrived
}

func (w *world) untilActed(p *process) {
	must(w.t, w.simulator.Inject(bsssim.Fault{Operation: "PayOrders", Kind: bsssim.Drop}))
	hold := w.holdPayments()
	w.begin(p)
	<-hold.arrived
	w.stall(p, "fdatasync") // so that the kill comes before any outcome
	close(hold.release)
	eventually(w.t, "the provider has acted", func() bool { return w.payments() == 1 })
}

func (w *world) untilOutcome(p *process) {
	hold := w.holdPayments()
	w.begin(p)
	<-hold.arrived
	w.stall(p, "fdatasync")
	close(hold.release)
	eventually(w.t, "the outcome is written", func() bool { return w.mentions(`"kind":"outcome"`) })
}

func (w *world) untilAnswered(p *process) { w.does(p, paying(asShop, 0, floodOrder)) }

func (w *world) untilSaved(p *process) {
	w.does(p, paying(asShop, 0, floodOrder))
	before, err := os.ReadFile(w.stateFile())
	must(w.t, err)
	w.stall(p, "renameat")
	p.terminate()
	eventually(w.t, "another state file is there", func() bool { return w.replacement(before) })
}

// replacement reports whether the state file, or a file that is to take its place, is another one than before.
func (w *world) replacement(before []byte) bool {
	names, err := filepath.Glob(w.file("audit/*spend.state*"))
	must(w.t, err)
	for _, name := range names {
		if text, err := os.ReadFile(name); err == nil && len(text) > 0 && string(text) != string(before) {
			return true
		}
	}
	return false
}

// stall has the gateway wait in a system call, until it is killed.
func (w *world) stall(p *process, call string) {
	w.stalled = append(w.stalled, p.trace(call+":delay_enter=60000000"))
}

// killStalled kills the gateway, whatever it waits for, and lets payments pass again.
func (w *world) killStalled(p *process) {
	w.t.Helper()
	must(w.t, p.cmd.Process.Kill())
	for _, end := range w.stalled {
		end(syscall.SIGKILL) // strace would wait for the call that it holds up
	}
	w.stalled = nil
	p.kill()
	w.held.Store(nil)
}

func (w *world) payments() int {
	n, _ := w.movements(bsssim.MovedPayment, floodOrder)
	return n
}

// paidOnceAfter starts the gateway again and has the order paid as an operator would: once in the end, whatever the first attempt's outcome.
func (w *world) paidOnceAfter(outcome string) {
	w.t.Helper()
	p := w.start()
	before := w.payments()
	got := w.try(p, paying(asTill, 1, floodOrder))
	switch {
	case got.code == "TG.4008":
		w.heldAs(got, outcome)
		if w.payments() == 0 {
			w.settle(blocking(got), logfile.Failed)
			w.does(p, paying(asShop, 2, floodOrder))
		}
	case got.status/100 != 2 || outcome != "" || before != 0:
		w.t.Errorf("with %d payments and an outcome %q: %d %s", before, outcome, got.status, got.body)
	}
	for version := range payVersions {
		w.turnsDown(p, paying(asShop, version, floodOrder), http.StatusConflict, "TG.4008")
	}
	p.stop()
	w.turnsDown(w.start(), paying(asTill, 0, strings.ToLower(floodOrder)), http.StatusConflict, "TG.4008")
	if n := w.payments(); n != 1 {
		w.t.Errorf("the order was paid %d times", n)
	}
}

// heldAs checks that a refusal names the outcome of the call that holds the act, and no caller.
func (w *world) heldAs(got answer, outcome string) {
	w.t.Helper()
	said := map[string]string{logfile.Unknown: "whose outcome is unknown", logfile.Succeeded: "(succeeded)"}[outcome]
	if blocking(got) == "" || !strings.Contains(got.body, said) || strings.Contains(got.body, "shop") {
		w.t.Errorf("the refusal says %s, want the outcome %q, the call that holds, and no caller", got.body, outcome)
	}
}

// stateFiles are what may be found in the place of the newest state file. Each is given the newest one and one from before the payment.
var stateFiles = map[string]func(w *world, newest, old []byte) []byte{
	"none":                 func(*world, []byte, []byte) []byte { return nil },
	"empty":                func(*world, []byte, []byte) []byte { return []byte{} },
	"old":                  func(_ *world, _, old []byte) []byte { return old },
	"cut":                  func(_ *world, newest, _ []byte) []byte { return newest[:len(newest)-len(newest)/3] },
	"cut to its signature": func(_ *world, newest, _ []byte) []byte { return newest[:strings.LastIndexByte(string(newest), '\n')] },
	"changed": func(_ *world, newest, _ []byte) []byte {
		return []byte(string(newest) + " ")
	},
	"signed by another key":           func(w *world, newest, _ []byte) []byte { return w.signedByAnother(newest) },
	"of another log":                  func(w *world, _, _ []byte) []byte { return w.ofAnotherLog() },
	"with the body of the newest":     func(_ *world, newest, old []byte) []byte { return mixed(old, newest) },
	"with the body of the one before": func(_ *world, newest, old []byte) []byte { return mixed(newest, old) },
}

// TestStateFiles: whatever is found in the place of the state file, a payment that was made is not made again, and one that was not can be.
func TestStateFiles(t *testing.T) {
	t.Parallel()
	w := newMoneyWorld(t, moneyPlain)
	w.addOrders(1, "5")
	p := w.start()
	p.stop()
	old, err := os.ReadFile(w.stateFile())
	must(t, err)
	p = w.start()
	w.does(p, paying(asShop, 0, floodOrder))
	must(t, w.simulator.Inject(bsssim.Fault{Operation: "PayOrders", Kind: bsssim.ServerError}))
	w.try(p, paying(asShop, 0, "CS-T0")) // fails
	must(t, w.simulator.Inject(bsssim.Fault{Operation: "CreatePartnerCoupons", Kind: bsssim.CloseAfterRead}))
	w.try(p, couponIssue("20")) // unknown
	p.stop()
	newest, err := os.ReadFile(w.stateFile())
	must(t, err)
	whole := w.copyOf("audit")
	for name, make := range stateFiles {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.bringBack(whole)
			w.put(make(w, newest, old))
			p := w.start()
			w.turnsDown(p, paying(asTill, 1, floodOrder), http.StatusConflict, "TG.4008")
			w.turnsDown(p, couponIssue("20.00"), http.StatusConflict, "TG.4008")
			w.does(p, paying(asShop, 0, "CS-T0"))
			w.turnsDown(p, paying(asShop, 1, "CS-T0"), http.StatusConflict, "TG.4008")
			p.kill()
		})
	}
	w.t = t
	if n := w.payments(); n != 1 {
		t.Errorf("the order was paid %d times", n)
	}
}

func mixed(head, body []byte) []byte {
	split := func(text []byte) (string, string) {
		i := strings.LastIndexByte(string(text), '\n') + 1
		return string(text[:i]), string(text[i:])
	}
	a, _ := split(head)
	_, b := split(body)
	return []byte(a + b)
}

// signedByAnother returns a state file with a signature of another key.
func (w *world) signedByAnother(text []byte) []byte {
	w.t.Helper()
	lines := strings.SplitN(string(text), "\n", 3)
	if len(lines) != 3 || len(lines[1]) != 64 {
		w.t.Fatalf("the state file has no signature in its second line: %.100s", text)
	}
	return []byte(lines[0] + "\n" + hashHex(lines[2]) + "\n" + lines[2])
}

// ofAnotherLog returns the state file of another gateway that has done the same.
func (w *world) ofAnotherLog() []byte {
	w.t.Helper()
	other := newMoneyWorld(w.t, moneyPlain)
	p := other.start()
	other.does(p, paying(asShop, 0, floodOrder))
	p.stop()
	text, err := os.ReadFile(other.stateFile())
	must(w.t, err)
	return text
}

// put has the state file be a text; nil: none.
func (w *world) put(text []byte) {
	w.t.Helper()
	must(w.t, os.RemoveAll(w.stateFile()))
	if text != nil {
		must(w.t, os.WriteFile(w.stateFile(), text, 0o600))
	}
}

// copyOf copies a folder of the gateway's, and returns where the copy is.
func (w *world) copyOf(name string) string {
	w.t.Helper()
	to := filepath.Join(w.t.TempDir(), name)
	if out, err := exec.Command("cp", "-a", w.file(name), to).CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	return to
}

// bringBack puts a copy in the place of the folder that it is of.
func (w *world) bringBack(folder string) {
	w.t.Helper()
	name := filepath.Base(folder)
	must(w.t, os.RemoveAll(w.file(name)))
	if out, err := exec.Command("cp", "-a", folder, w.file(name)).CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}

// TestEveryEndOfTheLog starts the gateway on the log of a payment as a crash leaves it behind each of its records, with the state file of
// before, of the end, and without one. Where the intent is on record, the order is not paid again.
func TestEveryEndOfTheLog(t *testing.T) {
	t.Parallel()
	w := newMoneyWorld(t, moneyPlain)
	w.start().stop()
	first := len(w.records())
	old, err := os.ReadFile(w.stateFile())
	must(t, err)
	p := w.start()
	w.does(p, paying(asShop, 0, floodOrder))
	p.stop()
	newest, err := os.ReadFile(w.stateFile())
	must(t, err)
	whole, records := w.copyOf("audit"), w.records()
	for n := first; n <= len(records); n++ {
		for name, state := range map[string][]byte{"none": nil, "before": old, "end": newest} {
			t.Run(fmt.Sprintf("%d records, state file %s", n, name), func(t *testing.T) {
				w.t = t
				w.bringBack(whole)
				w.cutBehind(n)
				w.put(state)
				w.simulator.Reset()
				must(t, w.simulator.Deposit("c-17", "1000000"))
				w.endsWell(records[:n])
			})
		}
	}
	w.t = t
}

// endsWell starts the gateway on a log that ends with the last of records.
func (w *world) endsWell(records []logfile.Record) {
	w.t.Helper()
	begun := false
	for _, r := range records {
		begun = begun || r.Kind == logfile.KindIntent
	}
	p := w.start()
	got := w.try(p, paying(asTill, 1, floodOrder))
	if held := got.code == "TG.4008"; held != begun || !held && got.status/100 != 2 {
		w.t.Errorf("with an intent on record %v: %d %s", begun, got.status, got.body)
	}
	w.turnsDown(p, paying(asShop, 2, floodOrder), http.StatusConflict, "TG.4008")
	p.kill()
}

// cutBehind leaves the first n records of the log, and no index.
func (w *world) cutBehind(n int) {
	w.t.Helper()
	for _, segment := range w.segments() {
		text, err := os.ReadFile(segment)
		must(w.t, err)
		lines := strings.SplitAfter(strings.TrimRight(string(text), "\x00"), "\n")
		kept := lines[:min(n, len(lines)-1)]
		n -= len(kept)
		if len(kept) == 0 {
			must(w.t, os.Remove(segment))
			continue
		}
		must(w.t, os.WriteFile(segment, []byte(strings.Join(kept, "")), 0o600))
	}
	indexes, err := filepath.Glob(w.file("audit/index.sqlite*"))
	must(w.t, err)
	for _, name := range indexes {
		must(w.t, os.Remove(name))
	}
}
