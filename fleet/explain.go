package fleet

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"tollgate/internal/text"
)

var errReplica = errors.New("this Redis is a replica, and not the master: name the master in fleet.redis.address, or the sentinels (fleet.redis.sentinel)")

// hints are, by the words that mark an error of Redis, what an operator can do about it.
var hints = map[string]string{
	"WRONGPASS":                     "check fleet.redis.username and password",
	"NOAUTH":                        "set fleet.redis.password",
	"NOPERM":                        "the user of fleet.redis.username may not do that: docs/config.md lists what it needs under fleet.redis.username",
	"The user executing the script": "the user of fleet.redis.username may not do that: docs/config.md lists what it needs under fleet.redis.username",
	"READONLY":                      "this Redis is a read-only replica: name the master, or the sentinels",
	"OOM":                           "the memory of Redis is full: raise its maxmemory",
	"MISCONF":                       "Redis cannot write its data to disk: see its log",
	"LOADING":                       "it reads its data and will be there soon",
	"MASTERDOWN":                    "this Redis is a replica: name the master, or the sentinels",
	"MOVED":                         "this is a cluster: list two of its nodes at least in fleet.redis.addresses",
	"CROSSSLOT":                     "this is a cluster: list two of its nodes at least in fleet.redis.addresses",
	"CLUSTERDOWN":                   "the cluster has no node for the slot of fleet.redis.prefix: see CLUSTER INFO",
}

// explain adds to an error of Redis what to do about it, and keeps its text within bounds.
func explain(err error) error {
	said, ok := errors.AsType[redis.Error](err)
	if !ok {
		if e, isNet := errors.AsType[net.Error](err); isNet && e.Timeout() {
			return fmt.Errorf("it does not answer: %w", err)
		}
		return err
	}
	line := text.Printable(text.Truncate(said.Error(), 200, "…"), 0xFFFD)
	for words, hint := range hints {
		if strings.Contains(" "+line+" ", " "+words+" ") {
			return fmt.Errorf("%s (%s)", line, hint)
		}
	}
	return errors.New(line)
}

// explainTLS adds to an error of a handshake what to do about it.
func explainTLS(err error) error {
	hint := ""
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		hint = " (fleet.redis.tls.ca has other authorities than that of this certificate)"
	} else if _, other := errors.AsType[x509.HostnameError](err); other {
		hint = " (fleet.redis.tls.server_name says which name the certificate must have)"
	}
	return fmt.Errorf("TLS: %w%s", err, hint)
}
