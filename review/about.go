package review

// about shows what these pages are, and what they are not.
func (s *Server) about(r *request) (*page, error) {
	return &page{name: "about", title: r.words.Text("about.title")}, nil
}

// health says in plain words whether pages can be shown. It shows no records, and is there for readers who are not signed in.
func (s *Server) health(r *request) (*page, error) {
	reason := ""
	if s.config.Views != nil {
		if err := s.config.Views.Ready(); err != nil {
			reason = err.Error()
		}
	}
	return &page{name: "health", title: r.words.Text("health.title"), data: reason}, nil
}
