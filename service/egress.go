package service

import (
	"net/netip"

	"go.uber.org/zap"

	"tollgate/config"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/internal/watch"
	"tollgate/upstream"
)

// openLogin reads the login for the proxy of an upstream, if there is one. In a file it is looked after.
func (k *tlsReloader) openLogin(p *tlsParts, r *setting.Reference) error {
	if r == nil {
		return nil
	}
	if r.File == "" {
		login, err := k.secrets.Read(*r)
		p.login = func() secret.String { return login }
		return err
	}
	path := setting.Resolve(k.secrets.Dir, r.File)
	file, err := watch.ValueOf(watch.Input{What: "login of the proxy", Path: path, Limit: setting.MaxSecret}, func(data []byte) (*secret.String, error) {
		login, err := setting.ParseSecret(data, "it")
		if err == nil {
			err = upstream.CheckLogin(login)
		}
		return &login, err
	})
	if err != nil {
		return err
	}
	p.login = func() secret.String { return *file.Load() }
	p.reloaders = append(p.reloaders, file)
	return nil
}

// wayOptions are what the transport to an upstream has besides its configuration.
func (s *Service) wayOptions(u *upstream.Config, p *tlsParts) (options []upstream.Option) {
	if p.login != nil {
		options = append(options, upstream.WithProxyLogin(p.login))
	}
	if u.Addresses == nil && u.Proxy.Host == "" {
		options = append(options, upstream.OnPrivate(s.privateNote(u)))
	}
	return append(options, upstream.OnOpen(func(o upstream.Opening) { s.metrics.Opened(u.Name, o.Connect, o.TLS) }))
}

// privateNote returns what notes that the name of an upstream leads to a private address.
func (s *Service) privateNote(u *upstream.Config) func(netip.Addr) {
	return func(ip netip.Addr) {
		s.logger.Warn("an upstream is at a private address", zap.String("upstream", u.Name), zap.String("note", config.PrivateNote(u, ip)))
	}
}
