package bsssim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tollgate/catalog"
)

// FaultKind is a way to misbehave.
type FaultKind string

// The kinds of faults. Those that act leave the state as if the call had succeeded: its effect is there, the answer is not.
const (
	Slow           FaultKind = "slow"             // answers after Delay
	Drop           FaultKind = "drop"             // acts, then breaks the connection without an answer
	DropBeforeRead FaultKind = "drop-before-read" // breaks the connection before reading the body; does not act
	CloseAfterRead FaultKind = "close-after-read" // reads all, then breaks the connection; does not act
	Truncate       FaultKind = "truncate"         // acts, then breaks the connection in the middle of the answer
	ServerError    FaultKind = "5xx"              // 500 CBC.0999; does not act
	BadGateway     FaultKind = "bad-gateway"      // acts, then answers 502 with an HTML page and no error code
	Partial        FaultKind = "partial"          // batch operations fail their last item
	BadSignature   FaultKind = "signature"        // 401 "verify aksk signature fail", whatever was signed; does not act
)

var faultKinds = []FaultKind{Slow, Drop, DropBeforeRead, CloseAfterRead, Truncate, ServerError, BadGateway, Partial, BadSignature}

// Fault is one way to misbehave, for some calls.
type Fault struct {
	Operation string        // empty: any, also unknown ones
	Kind      FaultKind     //
	Times     int           // how many matching calls; 0 means 1, negative means all until Reset
	Delay     time.Duration // waits so long after reading the request, whatever the kind; at most a minute
}

const (
	maxFaults = 1000
	maxDelay  = time.Minute
)

// Inject adds a fault. Of several that fit a call, the oldest that is not used up takes it, alone.
func (s *Server) Inject(f Fault) error {
	if !slices.Contains(faultKinds, f.Kind) {
		return fmt.Errorf("unknown fault %q: want one of %q", f.Kind, faultKinds)
	}
	if f.Operation != "" && catalog.Find(s.config.Site, f.Operation) == nil {
		return fmt.Errorf("site %s has no operation %q", s.config.Site, f.Operation)
	}
	if f.Delay < 0 || f.Delay > maxDelay || f.Kind == Slow && f.Delay == 0 {
		return fmt.Errorf("delay %v: want up to %v, and more than zero for %q", f.Delay, maxDelay, Slow)
	}
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) >= maxFaults {
		return errors.New("too many faults are waiting: reset the simulator")
	}
	s.faults = append(s.faults, &f)
	return nil
}

// takeFault returns the fault for a call of that operation, the zero Fault if there is none.
func (s *Server) takeFault(operation string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Operation != "" && f.Operation != operation {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return *f
	}
	return Fault{}
}

func breaksConnection(kind FaultKind) bool {
	return kind == Drop || kind == CloseAfterRead || kind == Truncate
}

// breakConnection never returns: net/http closes the connection (HTTP/1) or the stream (HTTP/2) of an aborted handler.
func breakConnection(w http.ResponseWriter, kind FaultKind, given *answer) {
	if kind == Truncate {
		status := given.status
		body, contentType := given.encode("")
		if len(body) == 0 {
			status, body, contentType = http.StatusOK, []byte("{}"), "application/json"
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // a writer that cannot flush loses this half too
	}
	panic(http.ErrAbortHandler)
}
