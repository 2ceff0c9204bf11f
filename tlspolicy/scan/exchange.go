package scan

import "strings"

// exchange is what a ServerKeyExchange of a suite holds.
type exchange struct{ ecdhe, dhe, psk bool }

func exchangeOf(suite uint16) exchange {
	name, _, _ := strings.Cut(SuiteName(suite), "_WITH_")
	has := func(part string) bool { return strings.Contains(name+"_", "_"+part+"_") }
	return exchange{
		ecdhe: has("ECDHE") || has("ECDH_anon"),
		dhe:   has("DHE") || has("DH_anon"),
		psk:   has("PSK"),
	}
}

// withGroups tells the suites of a version in which a group of supported_groups is used.
func withGroups(version uint16, suites []uint16) []uint16 {
	if version == tls13 {
		return suites
	}
	var out []uint16
	for _, s := range suites {
		if exchangeOf(s).ecdhe {
			out = append(out, s)
		}
	}
	return out
}
