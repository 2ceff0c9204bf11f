package gateway_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"tollgate/gateway"
)

// TestMain looks for goroutines that are left behind: the gateway must start none that outlives its calls. In all tests, but not in
// benchmarks, memory that a call hands on is overwritten.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		gateway.Spoil()
	}
	goleak.VerifyTestMain(m)
}
