package service

import (
	"context"
	"io/fs"
	"net"

	"tollgate/accept"
	"tollgate/config"
)

// listenAt opens the port or the unix socket of a listener.
func listenAt(ctx context.Context, l *config.Listener) (net.Listener, error) {
	access := accept.Private
	if l.Socket != nil {
		access.Mode = fs.FileMode(l.Socket.Mode)
		if l.Socket.Group != "" {
			id, err := l.Socket.Group.ID()
			if err != nil {
				return nil, err
			}
			access.Group = &id
		}
	}
	return accept.ListenFor(ctx, l.Address.Network(), l.Address.Listen(), access)
}
