package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// resources is what a gateway holds.
type resources struct{ files, goroutines, heap int }

// within reports whether r is no more than another, but for idle connections, and what the Go runtime and its collector leave to
// chance.
func (r resources) within(limit resources, idle int) bool {
	return r.files <= limit.files+idle && r.goroutines <= limit.goroutines+2 && r.heap <= limit.heap+(8<<20)
}

// resources reads what the gateway holds, from the kernel and from its metrics.
func (p *process) resources() resources {
	p.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return resources{len(entries), p.metric("go_goroutines"), p.metric("go_memstats_heap_alloc_bytes")}
}

// rest returns what the gateway holds when it has nothing to do: its index has its files and every record.
func (p *process) rest() resources {
	p.t.Helper()
	eventually(p.t, "the index has every record", func() bool {
		return p.metric("tollgate_audit_indexed_seq") > 0 && p.metric("tollgate_audit_indexed_seq") >= p.metric("tollgate_audit_durable_seq")
	})
	return p.resources()
}

// metric reads one value without labels.
func (p *process) metric(name string) int {
	p.t.Helper()
	_, text := p.admin("/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return int(number)
		}
	}
	p.t.Fatalf("there is no metric %s", name)
	return 0
}

// atRest returns what the gateway holds after a call, when its connections are closed.
func (w *world) atRest(p *process, proxy *faultProxy) resources {
	w.t.Helper()
	send(w.t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(0, "CS-warm-X"))
	proxy.breakAll(true)
	proxy.gone()
	return p.rest()
}

// returnsTo waits until the gateway holds no more than before, once the upstream has closed its connections.
// That one of its idle connections is closed the gateway may notice only when it wants to use it.
func (w *world) returnsTo(p *process, hangUp func(), rest resources, idle int) {
	w.t.Helper()
	var now resources
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the gateway held %+v, and holds %+v now", rest, now)
		}
	}()
	eventually(w.t, "the gateway has given back what the faults took", func() bool {
		hangUp()
		now = p.resources()
		return now.within(rest, idle)
	})
}
