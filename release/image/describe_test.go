package image

import (
	"bytes"
	"encoding/pem"
	"strings"
	"testing"
)

const stages = "ARG OUT=/out\nFROM golang AS build\nARG OUT\nRUN make\n\nFROM scratch\nARG OUT\n"

// TestDescribe reads the last stage alone, with what the build is called with, else what the file says.
func TestDescribe(t *testing.T) {
	config, err := Describe([]byte(stages+"ARG VERSION=unknown\nARG CREATED=never\nLABEL one=\"$VERSION\" \\\n two=$CREATED\nCOPY --from=build $OUT/ /\nUSER 65532:65532\n"+
		"EXPOSE 8443\nVOLUME /var/lib/tollgate\nSTOPSIGNAL SIGTERM\nHEALTHCHECK --interval=10s CMD [\"/x\"]\nENTRYPOINT [\"/a\", \"b\"]\nCMD [\"c\"]\n"),
		map[string]string{"VERSION": "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	if config.Labels["one"] != "1.2.3" || config.Labels["two"] != "never" || config.User != "65532:65532" || config.StopSignal != "SIGTERM" ||
		strings.Join(config.Entrypoint, " ") != "/a b" || strings.Join(config.Cmd, " ") != "c" || config.Healthcheck.Interval.String() != "10s" ||
		strings.Join(config.Healthcheck.Test, " ") != "CMD /x" || len(config.ExposedPorts) != 1 || len(config.Volumes) != 1 {
		t.Errorf("%+v", config)
	}
}

// TestUndescribed: what would be another image for an engine is an error.
func TestUndescribed(t *testing.T) {
	for _, line := range []string{"RUN touch /file", "ENV A=b", "WORKDIR /x", "LABEL a=$VERSION", "USER", "NONSENSE"} {
		if config, err := Describe([]byte(stages+line+"\n"), nil); err == nil {
			t.Errorf("%s makes %+v", line, config)
		}
	}
}

// TestAuthorities: the list is PEM, each certificate once, under its name.
func TestAuthorities(t *testing.T) {
	list, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for block, rest := pem.Decode(list); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || seen[string(block.Bytes)] {
			t.Errorf("%s, of %d", block.Type, len(seen))
		}
		seen[string(block.Bytes)] = true
	}
	if len(seen) < 100 || bytes.Count(list, []byte("\n# "))+1 != len(seen) {
		t.Errorf("%d certificates", len(seen))
	}
}
