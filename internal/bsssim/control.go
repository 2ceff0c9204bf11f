package bsssim

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Control returns the handler that steers and shows the simulator. It belongs on a listener of its own, on loopback: it
// asks for no credentials. Requests that a web page sent are refused.
//
//	GET  /state             partners, customers, orders, resources, coupons as they are now, and all that money did
//	GET  /calls?limit=N     the newest N calls (100 by default), oldest first, without what authenticates
//	POST /faults            {"operation": "PayOrders", "kind": "drop", "times": 1, "delay": "2s"}; see [Fault]
//	POST /reset             see [Server.Reset]
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", s.controlState)
	mux.HandleFunc("GET /calls", s.controlCalls)
	mux.HandleFunc("POST /faults", s.controlFaults)
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			http.Error(w, "not from web pages", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) controlState(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	text, err := json.MarshalIndent(s.state.snapshot(), "", "  ")
	s.mu.Unlock()
	writeJSON(w, text, err)
}

func (s *state) snapshot() object {
	return object{
		"site": s.site, "currency": s.currency, "partners": sorted(s.partners), "resellers": sorted(s.resellers), "customers": sorted(s.customers),
		"orders": sorted(s.orders), "resources": sorted(s.resources), "quotas": sorted(s.quotas), "coupons": sorted(s.coupons), "ledger": append([]Movement{}, s.ledger...),
	}
}

func (s *Server) controlCalls(w http.ResponseWriter, r *http.Request) {
	limit := 100
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			http.Error(w, "limit: want a positive number", http.StatusBadRequest)
			return
		}
		limit = n
	}
	calls := s.Calls()
	calls = calls[max(0, len(calls)-limit):]
	for i := range calls {
		calls[i].Header = calls[i].Header.Clone()
		for _, name := range []string{"Authorization", "X-Security-Token", "X-Auth-Token"} {
			if calls[i].Header.Get(name) != "" {
				calls[i].Header.Set(name, "[left out]")
			}
		}
	}
	text, err := json.MarshalIndent(calls, "", "  ")
	writeJSON(w, text, err)
}

func writeJSON(w http.ResponseWriter, text []byte, err error) {
	if err != nil {
		http.Error(w, "encoding the answer failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // the reader may have left
}

func (s *Server) controlFaults(w http.ResponseWriter, r *http.Request) {
	fault, err := readFault(http.MaxBytesReader(w, r.Body, 64<<10))
	if err == nil {
		err = s.Inject(fault)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func readFault(body io.Reader) (Fault, error) {
	var wire struct {
		Operation string
		Kind      FaultKind
		Times     int
		Delay     string
	}
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wire); err != nil {
		return Fault{}, fmt.Errorf("reading the fault: %w", err)
	}
	f := Fault{Operation: wire.Operation, Kind: wire.Kind, Times: wire.Times}
	if wire.Delay == "" {
		return f, nil
	}
	delay, err := time.ParseDuration(wire.Delay)
	if err != nil {
		return Fault{}, fmt.Errorf("delay: %w", err)
	}
	f.Delay = delay
	return f, nil
}

// Serve starts to serve handler's pages and returns the server. It is for helpers on loopback: without the bounds that a gateway needs
// against unauthenticated peers.
func Serve(listener net.Listener, handler http.Handler) *http.Server {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Shutdown
	return server
}
