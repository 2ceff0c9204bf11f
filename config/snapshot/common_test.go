package snapshot

import "testing"

// TestCommon: members of a fleet that differ in what is their own have one hash, and those that would decide calls otherwise have not.
func TestCommon(t *testing.T) {
	const fleet = "fleet: {redis: {address: \"unix:redis.sock\", password: {file: redis.txt}}, members: [a, b], name: a}\naudit:"
	one, other := folder(t), folder(t)
	with := func(pairs ...string) string { return changed(t, append([]string{"audit:", fleet}, pairs...)...) }
	first := Common(load(t, one, with()))
	for _, same := range [][]string{
		nil, {"name: a}", "name: b}"}, {"name: a}", "name: {env: POD}}"}, {"127.0.0.1:8080", "127.0.0.1:8081"}, {"{dir: audit}", "{dir: log}\nlog: {level: warn}"},
	} {
		if got := Common(load(t, other, with(same...))); got != first || len(got) != IDLength {
			t.Errorf("%q: %s, want %s", same, got, first)
		}
	}
	for _, differs := range [][]string{
		{"rate: 10/s", "rate: 5/s"}, {"[a, b]", "[a, b, c]"}, {"redis.txt", "other.txt"}, {"customers: [c-17]", "customers: [c-18]"}, {"https://bss.myhuaweicloud.com", "https://bss.corp.example"},
		{"{file: sk.txt}", "{file: sk2.txt}"}, {"redis.sock", "two.sock"},
	} {
		if got := Common(load(t, one, with(differs...))); got == first {
			t.Errorf("%q has the same hash", differs)
		}
	}
	if Common(load(t, one, base)) == first {
		t.Error("a gateway without a fleet has the same hash")
	}
}
