package ratelimit_test

import (
	"testing"

	"tollgate/ratelimit"
	"tollgate/ratelimit/limittest"
)

func TestSuite(t *testing.T) {
	limittest.RunInMemory(t, func() limittest.Limiter { return ratelimit.NewLimiter() })
}
