package gateway

import (
	"strings"

	"tollgate/audit/logfile"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/credential"
)

// parts are what the records of calls have in common that are alike, encoded. A connection remembers those of its last call.
type parts struct {
	of      likeness
	encoded *logfile.Parts
}

// likeness is all that the shared members of a record are made of.
type likeness struct {
	plan      *Plan
	listener  *Listener
	identity  caller.Identity
	upstream  *Upstream
	operation *catalog.Operation
	method    string
	signer    *credential.Credential
	accessKey string
}

// partsOf returns the parts of a record of an intended call.
func (c *connection) partsOf(from *call, r *logfile.Record) *logfile.Parts {
	of := likeness{
		from.Plan, from.listener, from.identity, from.upstream, from.operation, r.Method, from.signer, r.AccessKey,
	}
	if last := c.parts.Load(); last != nil && last.of == of {
		return last.encoded
	}
	of.method, of.identity.Detail = strings.Clone(of.method), strings.Clone(of.identity.Detail) // not parts of a whole header
	made := &parts{of, logfile.NewParts(r)}
	c.parts.Store(made)
	return made.encoded
}
