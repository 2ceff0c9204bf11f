package auditcmd

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/calls"
	"tollgate/audit/mac"
	"tollgate/audit/verify"
)

var quotedName = regexp.MustCompile("`([a-z_]+)`")

func namesIn(text string) (names []string) {
	for _, match := range quotedName.FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	return names
}

// manualOfJSON returns the section of the manual about JSON.
func manualOfJSON(t *testing.T) string {
	t.Helper()
	manual, err := os.ReadFile("../../../docs/audit-commands.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(manual), "\n### JSON\n")
	section, _, found := strings.Cut(section, "\n### ")
	if !found {
		t.Fatal("the manual has no section about JSON")
	}
	return section
}

// tags returns the names of the members of a struct.
func tags(t reflect.Type) (names []string) {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// TestRowMembers: the manual has each member of a row, and no other.
func TestRowMembers(t *testing.T) {
	rows, _, _ := strings.Cut(manualOfJSON(t), "\nCommands whose result")
	list, rest, _ := strings.Cut(rows, " mean what they mean")
	documented := namesIn(list)
	for line := range strings.Lines(rest) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			documented = append(documented, namesIn(cells[1])...)
		}
	}
	want := append(tags(reflect.TypeFor[calls.Row]()), "read_from")
	slices.Sort(documented)
	if slices.Sort(want); !slices.Equal(documented, want) {
		t.Errorf("documented are\n%q\nand a row has\n%q", documented, want)
	}
}

// TestResultMembers: the manual has each member of the results that are one object, and no other.
func TestResultMembers(t *testing.T) {
	dir, key, note, _ := testLog(t)
	if _, _, err := mac.LoadOrMake(filepath.Join(dir, mac.FileName), nil); err != nil {
		t.Fatal(err)
	}
	proof, out := filepath.Join(t.TempDir(), "proof.json"), t.TempDir()
	putFile(t, proof, must(t, "audit", "prove", "--dir", dir, firstCall(t, dir)))
	fill := strings.NewReplacer("NOTE", note, "DIR", dir, "PROOF", proof, "KEY", key, "OUT", out)
	printed := map[string][]string{
		"report": {"--dir DIR", "--dir DIR --month 2026-10"}, "verify": {"--dir DIR"}, "key": {"--dir DIR"}, "checkpoint": {"--dir DIR"}, "consistency": {"--dir DIR NOTE"},
		"check-proof": {"PROOF", "PROOF --key KEY"}, "export": {"--dir DIR --since 2026-10-01 --until 2026-12-01 -o OUT/m.zip"}, "plan": {"--dir DIR"}, "reindex": {"--dir DIR"},
		"hash": {"--dir DIR NOTE"}, "rotate-key": {"--dir DIR --key-file OUT/s.key --lost"},
	}
	rows := map[string][2][]string{}
	for line := range strings.Lines(manualOfJSON(t)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.HasPrefix(cells[1], " `audit ") {
			rows[strings.Trim(cells[1], " `")] = [2][]string{namesIn(cells[2]), namesIn(cells[3])}
		}
	}
	for command, runs := range printed {
		row, found := rows["audit "+command]
		if !found {
			t.Errorf("the manual has no row of audit %s", command)
		}
		always := row[0]
		if command == "plan" {
			always = []string{"source", "plans"}
		}
		for _, args := range runs {
			var object map[string]any
			text := must(t, append([]string{"audit", command, "--json"}, strings.Fields(fill.Replace(args))...)...)
			if err := json.Unmarshal([]byte(text), &object); err != nil {
				t.Fatal(err)
			}
			for _, name := range always {
				if _, has := object[name]; !has {
					t.Errorf("audit %s prints no %s", command, name)
				}
			}
			for name := range maps.Keys(object) {
				if !slices.Contains(row[0], name) && !slices.Contains(row[1], name) {
					t.Errorf("audit %s prints %s, of which the manual has nothing", command, name)
				}
			}
		}
	}
	verified, documented := append(tags(reflect.TypeFor[verify.Report]()), "source", "whole"), slices.Concat(rows["audit verify"][0], rows["audit verify"][1])
	slices.Sort(documented)
	if slices.Sort(verified); !slices.Equal(verified, documented) {
		t.Errorf("documented are\n%q\nand audit verify has\n%q", documented, verified)
	}
}
