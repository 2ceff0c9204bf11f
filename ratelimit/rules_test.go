package ratelimit

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestWhichLimitsApply(t *testing.T) {
	l := mustNew(t, Config{Published: true, Rules: []Rule{
		{Name: "each-app", Per: []Dimension{ByCaller}, Rate: 50, Burst: 50},
		{Name: "pay", Operations: []string{"PayOrders"}, Rate: 1, Burst: 1},
		{Name: "partner", Credentials: []string{"p"}, Upstreams: []string{"bss"}, Rate: 2, Burst: 1},
		{Name: "a-only", Callers: []string{"a"}, Per: []Dimension{ByCaller, ByOperation}, Rate: 3, Burst: 1},
	}})
	for _, c := range []struct {
		subject Subject
		want    string
	}{
		{Subject{Caller: "b", Operation: "X"}, "each-app"},
		{Subject{Caller: "b", Operation: "PayOrders"}, "each-app pay"},
		{Subject{Caller: "a", Operation: "PayOrders", Credential: "p", Upstream: "bss", Quota: 10}, "each-app pay partner a-only published-quota"},
		{Subject{Caller: "b", Credential: "p", Upstream: "other", Quota: 5}, "each-app published-quota"},
		{Subject{Caller: "b", Quota: 5}, "each-app"}, // no credential: no quota of the provider
		{Subject{Caller: "b", Credential: "p", Quota: math.NaN()}, "each-app"},
		{Subject{Caller: "b", Credential: "p", Quota: math.Inf(1)}, "each-app"},
		{Subject{Caller: "b", Credential: "p", Quota: -1}, "each-app"},
	} {
		var names []string
		for _, limit := range l.rules.Of(c.subject).Limits {
			names = append(names, limit.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: limits %q, want %q", c.subject, got, c.want)
		}
	}
}

// TestCounted checks for each combination of dimensions which calls share a bucket.
func TestCounted(t *testing.T) {
	base := Subject{Caller: "a", Operation: "o", Credential: "c", Upstream: "u"}
	others := map[Dimension]Subject{
		ByCaller:     {Caller: "b", Operation: "o", Credential: "c", Upstream: "u"},
		ByOperation:  {Caller: "a", Operation: "p", Credential: "c", Upstream: "u"},
		ByCredential: {Caller: "a", Operation: "o", Credential: "d", Upstream: "u"},
		ByUpstream:   {Caller: "a", Operation: "o", Credential: "c", Upstream: "v"},
	}
	for mask := range 16 {
		var per []Dimension
		for i, d := range Dimensions() {
			if mask>>i&1 == 1 {
				per = append(per, d)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			for d, other := range others {
				l := mustNew(t, Config{Rules: []Rule{{Name: "r", Per: per, Rate: 1, Burst: 1}}})
				take(t, l, base)
				if got, want := take(t, l, other).Allowed, slices.Contains(per, d); got != want {
					t.Errorf("per %v, other %s: allowed %v, want %v", per, d, got, want)
				}
			}
		})
	}
}

func TestConfigProblems(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Rules: []Rule{{Name: "", Rate: 1, Burst: 1}}}, "name"},
		{Config{Rules: []Rule{{Name: `a"b`, Rate: 1, Burst: 1}}}, "name"},
		{Config{Rules: []Rule{{Name: strings.Repeat("a", 65), Rate: 1, Burst: 1}}}, "name"},
		{Config{Rules: []Rule{{Name: PublishedName, Rate: 1, Burst: 1}}}, "published"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: 1}, {Name: "a", Rate: 1, Burst: 1}}}, "another limit"},
		{Config{Rules: []Rule{{Name: "a", Rate: 0, Burst: 1}}}, "per second"},
		{Config{Rules: []Rule{{Name: "a", Rate: -1, Burst: 1}}}, "per second"},
		{Config{Rules: []Rule{{Name: "a", Rate: Rate(math.NaN()), Burst: 1}}}, "per second"},
		{Config{Rules: []Rule{{Name: "a", Rate: Rate(math.Inf(1)), Burst: 1}}}, "per second"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: 0}}}, "burst"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: MaxBurst + 1}}}, "burst"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: 1, Per: []Dimension{"source"}}}}, "unknown dimension"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: 1, Per: []Dimension{ByCaller, ByCaller}}}}, "twice"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: 1, Callers: []string{""}}}}, "empty name"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: 1, Mode: "off"}}}, "mode"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: 1, Without: "open"}}}, "without"},
		{Config{Without: "open"}, "without"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: 1, Zone: "UTC"}}}, "zone without a quota"},
		{Config{Rules: []Rule{{Name: "a", Rate: 1, Burst: 1, Quota: Quota{1, Day}}}}, "both"},
		{Config{Rules: []Rule{{Name: "a", Burst: 1, Quota: Quota{1, Day}}}}, "both"},
		{Config{Rules: []Rule{{Name: "a", Quota: Quota{1, "week"}}}}, "quota"},
		{Config{Rules: []Rule{{Name: "a", Quota: Quota{0, Day}}}}, "quota"},
		{Config{Rules: []Rule{{Name: "a", Quota: Quota{MaxQuota + 1, Day}}}}, "quota"},
		{Config{Rules: []Rule{{Name: "a", Quota: Quota{1, Day}, Zone: "Mars/Olympus"}}}, "zone"},
		{Config{Rules: []Rule{{Name: "a", Quota: Quota{1, Day}, Zone: "Local"}}}, "zone"},
		{Config{MaxWait: -1}, "wait"},
		{Config{MaxWait: LongestMaxWait + 1}, "wait"},
	} {
		if _, err := NewRules(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one about %q", c.config, err, c.want)
		}
	}
	_, err := NewRules(Config{MaxWait: -1, Rules: []Rule{{Name: "a b"}, {Name: "c", Rate: 1, Burst: 0}}})
	for _, want := range []string{"maximum wait", `"a b"`, "per second", "limit 2", "burst"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not every problem is reported: %q missing in %v", want, err)
		}
	}
	if errors.Unwrap(err) == nil {
		t.Error("the problems cannot be distinguished")
	}
}

func TestNoLimits(t *testing.T) {
	l := mustNew(t, Config{})
	v := take(t, l, Subject{Caller: "a", Credential: "c", Quota: 1})
	if !v.Allowed || v.Limit != "" || v.Terms != nil {
		t.Errorf("%+v", v)
	}
	if policy, left := v.Fields(); policy+left != "" {
		t.Errorf("%s, %s without a limit", policy, left)
	}
}
