package service

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tollgate/admin"
	"tollgate/fleet"
)

// fleetState returns the fleet as this member sees it.
func (s *Service) fleetState() *admin.Fleet {
	state := s.fleet.client.State()
	f := &admin.Fleet{
		Member: s.fleet.name, Server: state.Server, Up: state.Up, Why: state.Why, Since: state.Since, QuestionsPerTrip: state.CallsPerTrip,
		Epoch:  admin.EpochStatus{Number: int64(state.Epoch.Number), Complete: state.Epoch.Complete, Missing: state.Epoch.Missing},
		Closed: s.closed(&state), Differences: differences(s.fleet.name, state.Members), Members: memberStatuses(&state),
		Warnings: append(fleetWarnings(&state), s.fleet.freezes.Problems()...),
	}
	if state.Trips > 0 {
		f.Latency = new(state.Latency.Seconds())
	}
	if state.Epoch.Number > 0 {
		f.Epoch.Since = time.Now().Add(-state.Epoch.Age).UTC().Truncate(time.Second)
	}
	return f
}

// memberStatuses returns the members that are configured or present. Redis keeps the rows of others for days.
func memberStatuses(state *fleet.State) (all []admin.MemberStatus) {
	newest := newestFreezes(state.Members)
	for i := range state.Members {
		if m := &state.Members[i]; m.Configured || m.Present {
			all = append(all, memberStatus(m, newest, state))
		}
	}
	return all
}

// closed returns what is not shared now.
func (s *Service) closed(state *fleet.State) (all []admin.ClosedStatus) {
	f, away := s.config.Load().Fleet, state.Why
	if state.Up && state.Slow {
		away = fmt.Sprintf("a round trip to Redis takes longer than %v (fleet.patience)", time.Duration(f.Patience))
	}
	if away != "" {
		all = append(all, admin.ClosedStatus{What: admin.ClosedLimits, Means: limitsAlone(len(f.Members)), Why: away})
	}
	if why := cmp.Or(away, strings.Join(s.fleet.marks.Lacking(), "; ")); why != "" {
		all = append(all, admin.ClosedStatus{What: admin.ClosedSignatures, Means: s.fleet.marks.Instead(), Why: why})
	}
	if !state.Up {
		means := "what is frozen stays so; what is frozen or lifted from now on is so at this member alone"
		all = append(all, admin.ClosedStatus{What: admin.ClosedFreezes, Means: means, Why: away})
	}
	return all
}

func limitsAlone(members int) string {
	return fmt.Sprintf("each member has 1/%d of what limits allow, and limits with without: refuse refuse their calls", members)
}

// memberStatus returns what is known of a member: from the last heartbeat on, if that was the last one.
func memberStatus(m *fleet.Member, freezes int64, state *fleet.State) admin.MemberStatus {
	out := admin.MemberStatus{
		Name: m.Name, State: admin.MemberAbsent, Unlisted: !m.Configured, Joined: m.Joined, Version: m.Version, Plan: m.Plan, Freezes: m.Freezes,
	}
	seen := m.Seen
	switch {
	case m.Seen < 0:
		out.State = admin.MemberUnseen
		return out
	case !state.Up:
		out.State, seen = admin.MemberUnknown, seen+time.Since(state.Since)
	case m.SignedOff:
		out.State = admin.MemberStopped
	case m.Present:
		out.State, out.Behind = admin.MemberPresent, m.Freezes < freezes
	}
	out.Lag, out.Latency = new(seen.Seconds()), new(m.Latency.Seconds())
	return out
}

// newestFreezes returns the newest version of the freezes that a present member has.
func newestFreezes(members []fleet.Member) (newest int64) {
	for _, m := range members {
		if m.Present {
			newest = max(newest, m.Freezes)
		}
	}
	return newest
}

// differences lists what members run that this one does not.
func differences(own string, members []fleet.Member) (all []string) {
	var self fleet.Row
	for _, m := range members {
		if m.Name == own {
			self = m.Row
		}
	}
	for _, m := range members {
		if !m.Present || m.Name == own {
			continue
		}
		if m.Version != self.Version {
			all = append(all, fmt.Sprintf("member %s runs version %s, this one %s", m.Name, m.Version, self.Version))
		}
		if m.Plan != self.Plan {
			all = append(all, fmt.Sprintf("member %s runs another configuration (%s) than this one (%s): reload the one that is behind",
				m.Name, m.Plan, self.Plan))
		}
		if !m.Configured {
			all = append(all, fmt.Sprintf("member %s is not among fleet.members of this one", m.Name))
		}
	}
	return all
}

// fleetWarnings are what hurts the fleet beside what is not shared.
func fleetWarnings(state *fleet.State) []string {
	all := slices.Clone(state.Warnings)
	var absent []string
	for _, m := range state.Members {
		if m.Absent() {
			absent = append(absent, m.Name)
		}
	}
	if state.Up && len(absent) > 0 {
		all = append(all, fmt.Sprintf("absent, and perhaps at work without Redis: %s; the limits keep their shares free: start them, or take them "+
			"out of fleet.members and reload", strings.Join(absent, ", ")))
	}
	return all
}

// fleetReadiness are warnings for readiness. Calls are taken all the same.
func (s *Service) fleetReadiness() (warnings []string) {
	if s.fleet == nil {
		return nil
	}
	f := s.fleetState()
	for _, c := range f.Closed {
		warnings = append(warnings, fmt.Sprintf("fleet: %s: %s: %s", c.What, c.Means, c.Why))
	}
	for _, text := range append(f.Differences, f.Warnings...) {
		warnings = append(warnings, "fleet: "+text)
	}
	return warnings
}

// fleetStatus implements the act of [admin.API].
func (s *Service) fleetStatus(context.Context, admin.Peer, admin.FleetRequest) (*admin.Fleet, error) {
	if s.fleet == nil {
		return nil, &admin.Error{Status: http.StatusConflict, Text: "this gateway is in no fleet: its configuration has no section fleet"}
	}
	return s.fleetState(), nil
}
