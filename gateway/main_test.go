package gateway_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for goroutines that are left behind: the gateway must start none that outlives its calls.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
