package review

// about shows what these pages are, and what they are not.
func (s *Server) about(r *request) (*page, error) {
	return &page{name: "about", title: r.words.Text("about.title")}, nil
}

// health says in plain words whether pages can be shown. It shows no records, and is there for readers who are not signed in.
func (s *Server) health(r *request) (*page, error) {
	p := &page{name: "health", title: r.words.Text("health.title")}
	if s.config.Views == nil {
		return p, nil
	}
	if err := s.config.Views.Ready(); err != nil && r.person != nil {
		p.data = r.words.Said("health.not_ready", "Reason", err.Error())
	} else if err != nil { // why is not for everyone who reaches the listener
		p.data = r.words.Said("health.not_ready_sign_in")
	}
	return p, nil
}
