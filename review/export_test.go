package review

import (
	"time"

	"tollgate/review/evidence"
)

// WithPatience sets how long pages look for what they show, and returns the server.
func (s *Server) WithPatience(d time.Duration) *Server {
	s.patience = d
	return s
}

// SecondLog returns the smaller log of reviewtest, with its index, and HostileLog and LargeLog the others.
func SecondLog() *evidence.Log  { return second().indexed() }
func HostileLog() *evidence.Log { return hostile().indexed() }
func LargeLog() *evidence.Log   { return large().indexed() }
