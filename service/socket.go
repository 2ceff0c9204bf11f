package service

import (
	"io/fs"
	"reflect"

	"tollgate/accept"
	"tollgate/config"
)

// accessOf returns who may connect to a unix socket that is configured so.
func accessOf(configured *config.Socket) (accept.Access, error) {
	if configured == nil {
		return accept.Private, nil
	}
	access := accept.Access{Mode: fs.FileMode(configured.Mode)}
	if configured.Group == "" {
		return access, nil
	}
	id, err := configured.Group.ID()
	access.Group = &id
	return access, err
}

// grant lets others connect to a socket that is there already.
func (o *opened) grant(to *socket, access accept.Access) error {
	before := to.access
	if o.dry || reflect.DeepEqual(before, access) {
		return nil
	}
	o.undo = append(o.undo, func() {
		if accept.Grant(to.Listener, before) == nil {
			to.access = before
		}
	})
	to.access = access
	return accept.Grant(to.Listener, access)
}
