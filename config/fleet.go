package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"tollgate/fleet"
	"tollgate/internal/nearest"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
)

// buildFleet completes the section `fleet`.
func (b *builder) buildFleet(f *fleet.Config) {
	const path = "fleet"
	if f == nil {
		return
	}
	b.redisPlace(path+".redis", &f.Redis)
	b.redisTLS(path+".redis", &f.Redis)
	b.redisLogin(path+".redis", f.Redis.Username, f.Redis.Password)
	if s := f.Redis.Sentinel; s != nil {
		b.redisLogin(path+".redis.sentinel", s.Username, s.Password)
	}
	b.members(path+".members", f.Members)
	b.ownName(path+".name", f)
	if !b.Failed(path) {
		b.config.Fleet = f
	}
}

// redisPlace checks that the addresses are those of one Redis, of a cluster, or of sentinels.
func (b *builder) redisPlace(path string, r *fleet.Redis) {
	if r.Address != nil {
		*r.Address = r.Address.In(b.dir)
	}
	for i := range r.Addresses {
		r.Addresses[i] = r.Addresses[i].In(b.dir)
	}
	switch several := len(r.Addresses) > 0; {
	case b.Failed(path):
	case several && r.Address != nil:
		b.problem(path+".address", "remove one of the two", "address and addresses are both given")
	case r.Sentinel != nil && !several:
		b.problem(path, "addresses: [sentinel-0.corp.example:26379, …]", "with sentinel, addresses are those of the sentinels, and there are none")
	case !several && r.Address == nil:
		b.problem(path, "address: redis.corp.example:6379", "redis has no address")
	case several && r.Sentinel == nil && r.Database != 0:
		b.problem(path+".database", "remove it", "a cluster has database 0 only")
	}
	for i, e := range r.Addresses {
		at := fmt.Sprintf("%s.addresses[%d]", path, i)
		switch {
		case b.Failed(at):
		case e.Socket != "":
			b.problem(at, "give one Redis on this machine as address", "nodes and sentinels are reached over TCP")
		case slices.Contains(r.Addresses[:i], e):
			b.problem(at, "", "address %v is listed twice", e)
		}
	}
}

// redisTLS checks that nothing leaves the machine without TLS: a changed answer of Redis could lift limits and freezes.
func (b *builder) redisTLS(path string, r *fleet.Redis) {
	endpoints := r.Endpoints()
	remote := slices.ContainsFunc(endpoints, func(e setting.Endpoint) bool { return !e.Local() })
	switch {
	case b.Failed(path):
		return
	case r.TLS == nil && remote:
		b.problem(path, "add tls: {ca: PATH}, or use a loopback address", "beyond this machine, Redis is reached over TLS only")
		return
	case r.TLS == nil:
		return
	case endpoints[0].Socket != "":
		b.problem(path+".tls", "remove tls", "there is no TLS on a unix socket")
		return
	}
	t := r.TLS
	b.policy(path+".tls.policy", t.Policy)
	b.absolute(&t.CA)
	b.checkBundle(path+".tls.ca", "fleet.redis", t.CA)
	if files := t.Certificate; files != nil {
		b.absolute(&files.Cert, &files.Key)
		b.keepPrivate(path+".tls.certificate.key", files.Key)
		b.noteChain("fleet.redis", b.checkPair(path+".tls.certificate", files))
	}
}

// redisLogin checks the login at a Redis or at sentinels.
func (b *builder) redisLogin(path, username string, password *setting.Reference) {
	switch {
	case b.Failed(path):
	case password == nil && username != "":
		b.problem(path+".username", "add password: {file: PATH}", "there is a username and no password")
	case password != nil:
		if value, ok := b.secret(path+".password", *password); ok {
			b.own(owner{path: path + ".password"}, value)
		}
	}
}

func (b *builder) members(path string, members []fleet.Name) {
	if len(members) > fleet.MaxMembers {
		b.problem(path, "", "a fleet has %d members at most, and %d are listed", fleet.MaxMembers, len(members))
	}
	for i, name := range members {
		if slices.Contains(members[:i], name) {
			b.problem(fmt.Sprintf("%s[%d]", path, i), "", "member %q is listed twice", b.Shown(string(name)))
		}
	}
	if len(members) == 1 && !b.Failed(path) {
		b.note("fleet.members has one name: there is no other member to share limits, signatures and freezes with")
	}
}

// ownName checks that this member is one of the members. A name in the environment is looked up only where secrets are: they are in it too.
func (b *builder) ownName(path string, f *fleet.Config) {
	if b.Failed(path) || b.Failed("fleet.members") {
		return
	}
	if err := (setting.Reference{Env: f.Name.Env}).Check(); err != nil {
		b.problem(path+".env", "", "%v", err)
		return
	}
	if f.Name.Env != "" && !b.options.Secrets {
		return
	}
	name, err := OwnName(f, b.options.LookupEnv)
	if err != nil {
		b.problem(path, "", "%v", err)
		return
	}
	if known := memberNames(f); !slices.Contains(known, name) {
		b.problem(path, nearest.Suggest(name, known), "this member, %q, is not among fleet.members", b.Shown(name))
	}
}

// OwnName returns the name of this member of a fleet.
func OwnName(f *fleet.Config, lookup setting.LookupEnv) (string, error) {
	if f.Name.Env == "" {
		return f.Name.Text.String(), nil
	}
	if lookup == nil {
		lookup = os.LookupEnv
	}
	text, _ := lookup(f.Name.Env)
	var name fleet.Name
	if err := name.UnmarshalText([]byte(text)); err != nil {
		return "", fmt.Errorf("the environment variable %s is no name of a member: %w", f.Name.Env, err)
	}
	return name.String(), nil
}

func memberNames(f *fleet.Config) []string { return setting.Texts(f.Members) }

// FleetSettings returns what a reload may change of the way that a fleet works.
func FleetSettings(f *fleet.Config) fleet.Settings {
	return fleet.Settings{Members: memberNames(f), Patience: time.Duration(f.Patience)}
}

// noteWithout notes a `without` of limits that has no effect, since there is no fleet.
func (b *builder) noteWithout() {
	l := &b.config.Limits
	refuses := l.Without == ratelimit.Refuse || slices.ContainsFunc(l.Rules, func(r ratelimit.Rule) bool { return r.Without == ratelimit.Refuse })
	if b.file.Fleet == nil && refuses {
		b.note("limits say `without: refuse`, which means nothing without a section fleet")
	}
}

// SpendAlone says what the members of a fleet do not share.
const SpendAlone = "business acts and caps are not shared: each member holds and counts its own, so that two members can do an act once each; " +
	"have the calls of a caller that spend go to one member"

// describeFleet returns lines for people: the members, their Redis, and what is done without it.
func describeFleet(f *fleet.Config) []string {
	name := f.Name.Text.String()
	if f.Name.Env != "" {
		name = "named by the environment variable " + f.Name.Env
	}
	signatures := "refused"
	if f.Replay.Without == "local" {
		signatures = "taken by this member's memory alone"
	}
	return []string{
		fmt.Sprintf("this member: %s, of %s", name, strings.Join(memberNames(f), ", ")),
		describeRedis(&f.Redis),
		fmt.Sprintf("a call waits up to %v for its answer; without it, signatures of write and spend calls are %s",
			time.Duration(f.Patience), signatures),
		SpendAlone,
	}
}

func describeRedis(r *fleet.Redis) string {
	kind := "redis"
	switch {
	case r.Sentinel != nil:
		kind = "redis master " + r.Sentinel.Master + " of sentinels"
	case len(r.Addresses) > 0:
		kind = "redis cluster"
	}
	way := "plain TCP on this machine"
	if r.TLS != nil {
		way = "TLS policy " + r.TLS.Policy
	} else if r.Endpoints()[0].Socket != "" {
		way = "on this machine"
	}
	var at []string
	for _, e := range r.Endpoints() {
		at = append(at, e.String())
	}
	return fmt.Sprintf("%s %s, %s, keys {%s}…", kind, strings.Join(at, ", "), way, r.Prefix)
}
