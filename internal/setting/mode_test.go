package setting

import (
	"os/user"
	"strconv"
	"testing"
)

func TestMode(t *testing.T) {
	for text, want := range map[string]Mode{"0660": 0o660, "660": 0o660, "0600": 0o600, "000": 0, "0777": 0o777} {
		var m Mode
		if err := m.UnmarshalText([]byte(text)); err != nil || m != want {
			t.Errorf("%q: %v, %v; want %v", text, m, err, want)
		}
	}
	for _, text := range []string{"", "66", "0668", "1660", "01660", "0o660", "u=rw", "-660", "0660 "} {
		var m Mode
		if err := m.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v", text, m)
		}
	}
}

func TestGroup(t *testing.T) {
	var g Group
	for _, text := range []string{"", "-1", "a b", "12345678901", "x/y"} {
		if err := g.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for a group", text)
		}
	}
	if id, err := Group("65532").ID(); id != 65532 || err != nil {
		t.Errorf("%d, %v", id, err)
	}
	if _, err := Group("4294967296").ID(); err == nil {
		t.Error("a number that no group has")
	}
	if _, err := Group("no-such-group-here").ID(); err == nil {
		t.Error("a group that is not there")
	}
	own, err := user.LookupGroupId(strconv.Itoa(0))
	if err != nil {
		t.Skipf("this machine names no group: %v", err)
	}
	if id, err := Group(own.Name).ID(); id != 0 || err != nil {
		t.Errorf("%s: %d, %v", own.Name, id, err)
	}
}
