package service

import "go.uber.org/zap"

// notify logs why the service manager did not learn a state.
func (s *Service) notify(err error) {
	if err != nil {
		s.logger.Warn("the service manager was not notified", zap.Error(err))
	}
}

// notifyReload notifies the service manager of a reload that begins, and returns a function that does so of its end. A refused one leaves
// the gateway serving.
func (s *Service) notifyReload() (ended func(error)) {
	s.notify(s.process.Manager.Reloading())
	return func(err error) {
		switch {
		case s.isDraining(): // of which the manager knows
		case err != nil:
			s.notify(s.process.Manager.Ready("serving; the last reload was refused: " + brief(err)))
		default:
			s.notify(s.process.Manager.Ready("serving"))
		}
	}
}
