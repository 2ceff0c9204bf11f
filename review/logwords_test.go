package review

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"tollgate/internal/words"
	"tollgate/review/rights"
)

// TestMessagesByCode holds that there is a message for each code whose message pages name by it.
func TestMessagesByCode(t *testing.T) {
	ids := []string{"access.where_other", "access.cap_call", "access.cap_day", "access.cap_month", "log.key_first", "log.key_oldest", "log.key_chained", "log.key_lost"}
	for _, kind := range faultKinds {
		ids = append(ids, "log.fault_"+kind)
	}
	for _, reason := range tlsReasons() {
		ids = append(ids, "tls.failure_"+reason)
	}
	for _, kind := range changeKinds {
		ids = append(ids, changeKind(kind+".x"))
	}
	for _, effect := range rights.Effects {
		ids = append(ids, "access.effect_"+effect.String())
	}
	for _, id := range ids {
		for _, lang := range words.Languages() {
			if !words.In(lang).Has(id) {
				t.Errorf("%s is missing in %s", id, lang)
			}
		}
	}
}

// TestFaultKinds holds that pages know each kind of fault that a verification has.
func TestFaultKinds(t *testing.T) {
	source, err := os.ReadFile("../audit/verify/verify.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`\n\tFault\w+\s+= "(\w+)"`).FindAllSubmatch(source, -1)
	for _, kind := range found {
		if !slices.Contains(faultKinds, string(kind[1])) {
			t.Errorf("there is no message for faults of the kind %s", kind[1])
		}
	}
	if len(found) != len(faultKinds) {
		t.Errorf("%d kinds, and %d are known", len(found), len(faultKinds))
	}
}
