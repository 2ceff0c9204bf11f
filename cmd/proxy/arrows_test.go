package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows says which packages of this module each package may import. They go down only: a leaf that learns of another, or of
// what stands above it, is a change of the design and belongs here with a reason.
var arrows = map[string][]string{
	"accept":           {"internal/source", "tlspolicy"}, // handshakes report what the peer offered
	"admin":            {"audit", "audit/mirror", "credential", "gateway", "ratelimit", "replay"},
	"audit":            {"audit/checkpoint", "internal/digest", "internal/durable", "internal/private", "internal/source"},
	"audit/export":     {"audit", "audit/checkpoint", "audit/proof"},
	"audit/calls":      {"audit", "catalog", "internal/decimal", "internal/text"},
	"audit/checkpoint": {"internal/durable", "internal/private"},
	"audit/mirror":     {"audit/checkpoint", "internal/durable"},
	"audit/store":      {"audit", "audit/calls", "catalog", "internal/decimal", "internal/durable"},
	"audit/proof":      {"audit", "audit/checkpoint"},
	"audit/tlsreport":  {"audit", "internal/text", "tlspolicy"}, // what a policy allows decides who could still connect
	"audit/verify":     {"audit", "audit/checkpoint"},
	"bss":              {"catalog", "internal/decimal", "internal/digest"},
	"caller":           {"internal/secret", "signing"},
	"catalog":          {},
	"credential":       {"catalog", "internal/secret", "signing"},
	"internal/bsssim":  {"catalog"},                                           // its signature check must not be ours
	"internal/certs":   {"internal/durable", "internal/private", "tlspolicy"}, // what a peer may not have, ours may not have either
	"internal/decimal": {},
	"internal/digest":  {},
	"internal/durable": {},
	"internal/nearest": {},
	"internal/private": {},
	"internal/secret":  {},
	"internal/source":  {},
	"internal/testlog": {"audit", "audit/checkpoint"},
	"internal/testpki": {},
	"internal/testtls": {},
	"internal/text":    {},
	"grants":           {"bss", "catalog", "credential", "internal/nearest"},
	"ratelimit":        {"internal/source"},
	"replay":           {},
	"signing":          {"internal/secret"},
	"tlspolicy":        {"internal/nearest"},
	"tlspolicy/scan":   {"tlspolicy"},
	"upstream":         {"tlspolicy"}, // which alerts mean that nothing was taken
	"gateway":          {"audit", "bss", "caller", "catalog", "credential", "internal/source", "grants", "ratelimit", "replay", "signing", "tlspolicy", "upstream"},
	"config":           {"caller", "catalog", "credential", "internal/certs", "internal/certs/acme", "internal/nearest", "internal/private", "internal/secret", "internal/text", "grants", "ratelimit", "tlspolicy"},

	"internal/certs/acme":  {"internal/certs", "internal/private", "internal/secret", "tlspolicy"}, // apart from certs for what it needs
	"internal/testkubelet": {},
}

func TestArrowsGoDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "tollgate/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], "tollgate/")
		if name == "cmd/proxy" {
			continue // wires everything
		}
		allowed, known := arrows[name]
		if !known {
			t.Errorf("package %s is not in the table", name)
		}
		for _, imported := range words[1:] {
			if ours, ok := strings.CutPrefix(imported, "tollgate/"); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s", name, ours)
			}
		}
	}
}
