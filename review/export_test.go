package review

import "time"

// WithPatience sets how long pages look for what they show, and returns the server.
func (s *Server) WithPatience(d time.Duration) *Server {
	s.patience = d
	return s
}
