package freezes

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"tollgate/fleet"
	"tollgate/freeze"
)

const (
	maxListed = 4 * freeze.Max      // freezes in Redis
	maxText   = 2048                // bytes of one, and of an end
	maxEnds   = 4096                // in Redis
	maxKnown  = 512                 // ends that a member remembers
	month     = 30 * 24 * time.Hour // for which ends are remembered
)

//go:embed sync.lua
var source string

var script = fleet.NewScript("freezes", fmt.Sprintf(
	"local VERSION, MAXFREEZES, MAXTEXT, MAXENDS, MONTH, HOUR = '%s', %d, %d, %d, %d, %d\n", fleet.FreezesKey, maxListed, maxText, maxEnds,
	month.Microseconds(), time.Hour.Microseconds())+source)

// end says that a freeze was lifted.
type end struct {
	ID     string    `json:"id"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// ends is the ends of freezes that are known, the oldest first. The zero value cannot be added to.
type ends struct {
	ids []string
	by  map[string]end
}

func (e *ends) add(one end) {
	if _, known := e.by[one.ID]; known {
		return
	}
	if len(e.ids) == maxKnown {
		delete(e.by, e.ids[0])
		e.ids = slices.Delete(e.ids, 0, 1)
	}
	e.ids = append(e.ids, one.ID)
	e.by[one.ID] = one
}

// since drops those that are older.
func (e *ends) since(t time.Time) {
	e.ids = slices.DeleteFunc(e.ids, func(id string) bool {
		old := e.by[id].At.Before(t)
		if old {
			delete(e.by, id)
		}
		return old
	})
}

// question returns the script with all that is known here, and how many changes that has.
func (f *Freezes) question() (q *fleet.Question, changes uint64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	own := slices.DeleteFunc(slices.Clone(f.Switch.Gate().Set().List()), func(f freeze.Freeze) bool { return f.ID == overflow })
	args := []any{len(own)}
	for i := range own {
		args = append(args, own[i].ID, encode(wire(own[i])))
	}
	f.ended.since(f.Now().Add(-month))
	for _, id := range f.ended.ids {
		args = append(args, id, encode(f.ended.by[id]))
	}
	check := func(reply any) error { _, err := parse(reply); return err }
	return &fleet.Question{Script: script, Args: args, Patience: fleet.MaxPatience, Check: check}, f.changes
}

// wire returns a freeze as it is uploaded: its times have nothing of this machine.
func wire(f freeze.Freeze) freeze.Freeze {
	f.Since = f.Since.UTC().Round(0)
	f.Until = f.Until.UTC().Round(0)
	return f
}

func encode[T any](v T) string {
	text, _ := json.Marshal(v) // of texts and times that were checked
	return string(text)
}

// decode reads what encode writes, and nothing else: no other member, none twice, none in another spelling.
func decode[T any](text string) (v T, err error) {
	if len(text) > maxText {
		return v, errors.New("too long")
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return v, err
	}
	if encode(v) != text {
		return v, errors.New("it is not as this version of Tollgate writes it")
	}
	return v, nil
}

// entry is a text of Redis and its id.
type entry struct{ id, text string }

// freeze returns what a text of Redis says, if that is a freeze.
func (e entry) freeze() (freeze.Freeze, error) {
	f, err := decode[freeze.Freeze](e.text)
	if err == nil && f.ID != e.id {
		err = errors.New("it has another id")
	}
	if err == nil {
		err = f.Check()
	}
	return f, err
}

// end returns what a text of Redis says, if that is the end of a freeze.
func (e entry) end() (end, error) {
	ended, err := decode[end](e.text)
	if err == nil && ended.ID != e.id {
		err = errors.New("it has another id")
	}
	if err == nil {
		err = freeze.CheckEnd(ended.By, ended.Reason)
	}
	return ended, err
}

// listing is what Redis knows.
type listing struct {
	version int64
	time    time.Time // by the clock of Redis
	count   int       // of freezes; more than maxListed are not listed
	freezes []entry
	ended   []entry
}

// parse reads the answer of the script. The texts of entries are anyone's.
func parse(reply any) (*listing, error) {
	all, _ := reply.([]any)
	if len(all) != 5 {
		return nil, errors.New("freezes: Redis answers with something else than the freezes")
	}
	version, err := number(all[0])
	micros, err2 := number(all[1])
	count, ok := all[2].(int64)
	if err := errors.Join(err, err2); err != nil || !ok || version <= 0 || count < 0 {
		return nil, fmt.Errorf("freezes: Redis answers with a version, time or number that is none: %w", err)
	}
	listed, err := entries(all[3])
	ended, err2 := entries(all[4])
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return &listing{version, time.UnixMicro(micros), int(count), listed, ended}, nil
}

func number(v any) (int64, error) {
	text, _ := v.(string)
	return strconv.ParseInt(text, 10, 64)
}

func entries(v any) (all []entry, err error) {
	list, ok := v.([]any)
	if !ok || len(list)%2 != 0 || len(list) > 4*(maxListed+freeze.Max) {
		return nil, errors.New("freezes: Redis answers with something else than a list of ids and texts")
	}
	for pair := range slices.Chunk(list, 2) {
		id, ok := pair[0].(string)
		text, ok2 := pair[1].(string)
		if !ok || !ok2 {
			return nil, errors.New("freezes: Redis answers with ids and texts that are no texts")
		}
		all = append(all, entry{id, text})
	}
	return all, nil
}
