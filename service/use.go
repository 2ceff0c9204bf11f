package service

import "tollgate/admin"

// listenerUse returns the connections of each listener of callers, those to its servers that leave included.
func (s *Service) listenerUse() (all []admin.Connections) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, l := range s.config.Load().Listeners {
		one := admin.Connections{Name: l.Name, Max: s.descriptors.connections(l.MaxConnections)}
		if live := s.listeners[l.Name]; live != nil && live.server != nil {
			one.Open = live.server.Connections()
		}
		for _, old := range s.leavingServers {
			if old.name == l.Name && old.server != nil {
				one.Open += old.server.Connections()
			}
		}
		all = append(all, one)
	}
	return all
}

// upstreamUse returns the connections to each upstream.
func (s *Service) upstreamUse() (all []admin.Connections) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for name, known := range s.upstreams {
		one := admin.Connections{Name: name, Max: known.MaxConns}
		one.Open, one.InUse = known.transport.Connections()
		all = append(all, one)
	}
	return all
}
