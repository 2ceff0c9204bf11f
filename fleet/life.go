package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"sync"

	"tollgate/internal/durable"
	"tollgate/internal/private"
)

// FileName is the usual name of [Options.File]. The file has two lines, of which the second is a number and the identity of a Redis:
//
//	tollgate fleet 1
//	7 4c5d…-90ab…
const FileName = "fleet.epoch"

// life is one life of the data in one Redis.
type life struct {
	number   uint64
	identity string // of the process, and of the history of its data
}

var lifeExpr = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^tollgate fleet 1\n([0-9]{1,15}) ([0-9a-f]{1,64}-[0-9a-f]{1,64})\n$`)
})

func (l life) String() string { return fmt.Sprintf("tollgate fleet 1\n%d %s\n", l.number, l.identity) }

// recall reads which epoch this member joined last before its process started. Were that not known, a member that is started again beside a
// master that the others have left would take that one's epoch for complete, since its own name is among the joined.
func (c *Client) recall() error {
	if c.o.File == "" || c.epoch.number != 0 {
		return nil
	}
	data, err := private.Read(c.o.File, 256)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	found := lifeExpr().FindStringSubmatch(string(data))
	if found == nil {
		return fmt.Errorf("%s does not say which epoch this member has joined last: remove it once all members use the same Redis", c.o.File)
	}
	l := life{identity: found[2]}
	l.number, err = strconv.ParseUint(found[1], 10, 64)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch.life, c.kept = l, l
	return err
}

// remember writes down which epoch is about to be joined.
func (c *Client) remember(l life) error {
	if c.o.File == "" || c.kept == l {
		return nil
	}
	if err := durable.WriteFile(c.o.File, []byte(l.String()), 0o600); err != nil {
		return err
	}
	c.kept = l
	return nil
}
