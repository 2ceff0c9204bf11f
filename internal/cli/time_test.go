package cli

import (
	"testing"
	"time"

	"tollgate/internal/moment"
)

func TestTimeFlags(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	f := TimeFlags{asked: moment.Range{Last: "24h"}, zoneText: "Asia/Shanghai"}
	if err := f.Parse(now); err != nil || !f.Since.Equal(now.Add(-24*time.Hour)) || !f.Until.IsZero() || f.Zone.String() != "Asia/Shanghai" {
		t.Errorf("%+v, %v", f, err)
	}
	if text := f.Text(); text.String() != "from 2026-03-03 13:06:07 to its end (Asia/Shanghai)" {
		t.Error(text)
	}
	f = TimeFlags{zoneText: "UTC", asked: moment.Range{Until: "2026-03-01"}}
	if err := f.Parse(now); err != nil || f.Text().String() != "from the log's beginning to before 2026-03-01 00:00:00 (UTC)" {
		t.Errorf("%s, %v", f.Text(), err)
	}
}
