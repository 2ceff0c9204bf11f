package service

import (
	"fmt"

	"go.uber.org/zap"

	"tollgate/config"
	"tollgate/internal/setting"
)

const (
	// ownDescriptors is how many descriptors a process needs besides its connections: about 25 for the runtime, the log with its spare
	// ones and the index; the rest is for files that are read again, lookups of names, and connections that are being closed.
	ownDescriptors = 64
	// adminConns is how many connections each of the listeners for operators takes.
	adminConns = 64
)

// descriptors are how many files the process may have open, and how they are shared out. Where the limit is too low for the bounds, the
// listeners' are lowered: a peer that finds no room is refused, whereas a log, or a call, that finds no descriptor fails.
type descriptors struct {
	limit, needed      int
	configured, shared int // connections of all listeners
}

// shareDescriptors leaves the listeners what upstreams do not need, but at least half of what the process itself does not need, and a
// quarter of all: few processes ever need all that is set aside for them, and one with few descriptors has to serve as well.
func shareDescriptors(c *config.Config, limit int) descriptors {
	d := descriptors{limit: limit}
	own, upstreams := ownDescriptors+adminConns+2*len(c.Listeners)+len(c.Audit.Checkpoints.Copies), 0
	if c.Admin != nil && c.Admin.Address != (setting.Address{}) { // besides the socket
		own += adminConns + 1
	}
	for _, there := range []bool{c.Metrics != nil, c.Review != nil} {
		if there {
			own += adminConns + 1
		}
	}
	if c.HTTPChallenge != nil {
		own += maxChallengeConns + 1
	}
	for _, u := range c.Upstreams {
		upstreams += u.MaxConnections
	}
	for _, l := range c.Listeners {
		d.configured += l.MaxConnections
	}
	d.needed = own + upstreams + d.configured
	rest := max(limit-own, 0)
	d.shared = min(d.configured, max(rest-upstreams, rest/2, limit/4))
	return d
}

// connections returns how many connections a listener takes for which a number is configured.
func (d descriptors) connections(configured int) int {
	if d.shared == d.configured {
		return configured
	}
	return max(configured*d.shared/d.configured, 1)
}

// warnings are what is said of a limit that is too low.
func (d descriptors) warnings() []string {
	if d.shared == d.configured {
		return nil
	}
	return []string{fmt.Sprintf("the process may have %d files open and needs %d: listeners take %d connections in all instead of %d; raise the limit (LimitNOFILE, ulimit -Hn)",
		d.limit, d.needed, d.shared, d.configured)}
}

// descriptorWarnings are those of the configuration that runs.
func (s *Service) descriptorWarnings() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.descriptors.warnings()
}

// log says that there are too few.
func (d descriptors) log(logger *zap.Logger) {
	if d.shared < d.configured {
		logger.Warn("the process may have fewer files open than its bounds need; its listeners take fewer connections",
			zap.Int("limit", d.limit), zap.Int("needed", d.needed), zap.Int("connections", d.shared), zap.Int("configured", d.configured))
	}
}
