package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/internal/setting"
)

// ActDeclaration says what calls of a declared endpoint are as business acts, so that none is done twice.
type ActDeclaration struct {
	// What the act is called: the same for all endpoints of the upstream that do the same, which must have the same keys. Lower-case letters,
	// digits and `-`.
	Name string `yaml:"name" need:"yes"`
	// What identifies an act. Each entry is a key, of which one call at a time can hold a value: a name in the path, the query or the
	// JSON body (`order_id`, `order.id`), `"ids[]"` for each element of a list, `account+period` for the combination. A call must have them
	// all, as texts of at most 128 letters, digits and `_ . -`; records have them.
	Keys []string `yaml:"keys" need:"yes"`
	// For how long after a success a second act is refused. `0s`: only while the first is under way, or its outcome is unknown. At most 366d.
	Window setting.Duration `yaml:"window" need:"yes"`
}

// Bounds of one declaration: its keys, and the parts of each; its window, for which the log is kept.
const (
	maxActKeys   = 8
	maxActWindow = setting.Duration(366 * setting.Day)
)

// declareAct adds the act to a declared endpoint, and the fields that its keys need.
func (o *Operation) declareAct(d *ActDeclaration) error {
	if d == nil {
		return nil
	}
	if o.Effect != Spend || o.Sensitive {
		return errors.New("act is set, but the endpoint's effect is not spend, or it is sensitive: records have the keys of an act")
	}
	if len(d.Keys) == 0 || len(d.Keys) > maxActKeys || d.Window < 0 || d.Window > maxActWindow {
		return fmt.Errorf("act %.80q: want 1 to %d keys, and a window from 0s to %v", d.Name, maxActKeys, maxActWindow)
	}
	a := &Act{Name: d.Name, Direction: Out, Unit: Cash, Price: PriceNone}
	for _, key := range d.Keys {
		if err := o.addActFields(key); err != nil {
			return err
		}
	}
	for _, f := range o.Request {
		a.Parts = append(a.Parts, Part{Name: f.Name, Fields: []string{f.Name}, Kind: f.Kind})
	}
	for _, key := range d.Keys {
		a.Keys = append(a.Keys, a.declaredKey(key, time.Duration(d.Window)))
	}
	o.Act = a
	return checkActName(d.Name)
}

// addActFields adds what a key needs to the fields of the request.
func (o *Operation) addActFields(key string) error {
	names := strings.Split(key, "+")
	for i, name := range names {
		if !isFieldName(name) || slices.Contains(names[:i], name) || i == maxActKeys {
			return fmt.Errorf("key %.80q of an act: want names such as order_id, order.id or ids[], at most %d joined by +", key, maxActKeys)
		}
		if !contain(o.Request, name) {
			o.Request = append(o.Request, Field{name, FieldOther})
		}
	}
	return nil
}

// SameAct reports whether two endpoints of an upstream have the same keys if their acts have one name. If they have not, one does what the
// other has done.
func (o *Operation) SameAct(other *Operation) bool {
	return o.Act == nil || other.Act == nil || o.Act.Name != other.Act.Name || slices.EqualFunc(o.Act.Keys, other.Act.Keys, func(a, b ActKey) bool {
		return a.String() == b.String()
	})
}

func (a *Act) declaredKey(key string, window time.Duration) ActKey {
	made := ActKey{Window: window}
	for name := range strings.SplitSeq(key, "+") {
		made.Parts = append(made.Parts, a.part(name))
	}
	return made
}

// isFieldName reports whether a name is a path of members, of which each can hold an array.
func isFieldName(name string) bool {
	for member := range strings.SplitSeq(name, ".") {
		member = strings.TrimSuffix(member, "[]")
		if member == "" || strings.Trim(member, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			return false
		}
	}
	return len(name) <= 64
}
