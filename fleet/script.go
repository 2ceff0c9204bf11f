package fleet

import (
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
)

// prelude comes before the body of each script. The two make a function of the body, whose answer comes back with the question's number.
//
//go:embed prelude.lua
var prelude string

// Script is a script that runs in Redis.
type Script struct{ name, source, sha string }

// NewScript returns a script. The body is Lua. It finds its arguments in the table args (texts all of them), makes the names of keys with
// key(name), all of which have the prefix of the fleet, and has the name of the asking member in member. now() returns the time of Redis
// in microseconds. What the body returns is the answer; it must not return errors.
func NewScript(name, body string) *Script {
	source := prelude + "local function body()\n" + body + "\nend\nreturn finish(body)\n"
	sum := sha1.Sum([]byte(source)) // the name of a script in Redis, no protection
	return &Script{name, source, hex.EncodeToString(sum[:])}
}
