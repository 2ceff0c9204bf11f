package gateway

import (
	"sync"

	"tollgate/audit/logfile"
)

// room is memory that one call after the other uses. It is emptied in between.
type room struct {
	record logfile.Record // that the call is writing: the log copies it
}

var rooms = sync.Pool{New: func() any { return new(room) }}

// leaveRoom hands the call's room to another one. Nothing of the call may be under way any longer.
func (c *call) leaveRoom() {
	*c.room = room{}
	rooms.Put(c.room)
	c.room = nil
}
