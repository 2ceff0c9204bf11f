package ratelimit

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/internal/setting"
)

// TestInUse: what is used up is shown, the fullest first; what is full again, or of rules before, is not.
func TestInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, Config{MaxWait: setting.Duration(time.Minute), Rules: []Rule{
			{Name: "app", Per: []Dimension{ByCaller}, Rate: 1, Burst: 10}, {Name: "all", Rate: 1, Burst: 100},
		}})
		shown := func(most int) string {
			uses, all := l.InUse(most)
			text := fmt.Sprint(all)
			for _, u := range uses {
				text += fmt.Sprintf(" %s/%s %v of %d", u.Name, u.Counted.Caller, u.Left, u.Terms.AtOnce())
			}
			return text
		}
		expect := func(got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		expect(shown(5), "0")
		for range 8 {
			take(t, l, Subject{Caller: "a", Operation: "o"})
		}
		take(t, l, Subject{Caller: "b", Operation: "o"})
		expect(shown(5), "3 app/a 2 of 10 app/b 9 of 10 all/ 91 of 100")
		expect(shown(1), "3 app/a 2 of 10")
		time.Sleep(time.Second)
		expect(shown(5), "2 app/a 3 of 10 all/ 92 of 100")
		time.Sleep(time.Minute)
		expect(shown(5), "0")
	})
}
