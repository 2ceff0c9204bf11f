package main

import (
	"bytes"
	"log"
	"strings"
	"testing"

	"tollgate/config"
)

// TestStandardLogQuotesNothing: what net/http prints of an upstream's unasked bytes stays out of the log.
func TestStandardLogQuotesNothing(t *testing.T) {
	var out bytes.Buffer
	logger, err := newLogger(config.Log{Level: "info", Format: "json"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	defer standardLog(logger)()
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=<nil>", `{"token":"s3cr3t"}`)
	if text := out.String(); strings.Contains(text, "s3cr3t") || !strings.Contains(text, "Unsolicited response") || !strings.HasPrefix(text, "{") {
		t.Errorf("logged %q", text)
	}
}
