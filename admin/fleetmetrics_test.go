package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestFleetMetrics: a scrape says how the fleet stands now, with a series for each thing that may be closed and each state of a member.
func TestFleetMetrics(t *testing.T) {
	registry, f := prometheus.NewRegistry(), &Fleet{Closed: []ClosedStatus{{What: ClosedLimits}}, Members: []MemberStatus{{State: MemberPresent}, {State: MemberUnseen}}}
	m := NewFleetMetrics(registry, func() *Fleet { return f })
	m.Trip(300*time.Microsecond, 3)
	m.Trip(300*time.Microsecond, 1)
	m.Limited("share")
	want := func(lines ...string) {
		t.Helper()
		page := "\n" + get((&Server{Registry: registry}).Handler(Loopback), "http://localhost/metrics").Body.String()
		for _, line := range append(lines, "tollgate_fleet_questions_total 4", "tollgate_fleet_round_trip_seconds_count 2", `tollgate_fleet_limit_decisions_total{from="share"} 1`, `tollgate_fleet_limit_decisions_total{from="nowhere"} 0`, `tollgate_fleet_round_trip_seconds_bucket{le="0.0005"} 2`) {
			if !strings.Contains(page, "\n"+line+"\n") {
				t.Errorf("no %q in\n%s", line, page)
			}
		}
	}
	want("tollgate_fleet_up 0", "tollgate_fleet_epoch 0", "tollgate_fleet_epoch_complete 0", `tollgate_fleet_closed{what="freezes"} 0`,
		`tollgate_fleet_closed{what="limits"} 1`, `tollgate_fleet_closed{what="signatures"} 0`, `tollgate_fleet_members{state="absent"} 0`,
		`tollgate_fleet_members{state="never seen"} 1`, `tollgate_fleet_members{state="present"} 1`, `tollgate_fleet_members{state="stopped"} 0`)
	f = &Fleet{Up: true, Epoch: EpochStatus{Number: 7, Complete: true}, Members: []MemberStatus{{State: MemberPresent}, {State: MemberPresent, Unlisted: true}, {State: MemberAbsent}}}
	want("tollgate_fleet_up 1", "tollgate_fleet_epoch 7", "tollgate_fleet_epoch_complete 1", `tollgate_fleet_closed{what="limits"} 0`,
		`tollgate_fleet_members{state="absent"} 1`, `tollgate_fleet_members{state="present"} 1`, `tollgate_fleet_members{state="never seen"} 0`)
}
