package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"

	"tollgate/internal/bsssim"
)

func secretEvents() []event {
	return []event{
		{"cloud keys are rotated", rotateCloudKeys},
		{"a virtual key is rotated", func(w *world, _ *rand.Rand) error { return w.rotateVirtualKey(shop) }},
		{"cloud keys are rotated again", rotateCloudKeys},
		{"another virtual key is rotated", func(w *world, _ *rand.Rand) error { return w.rotateVirtualKey(till) }},
	}
}

var accounts = []string{"c-17", "c-18", "p-1"}

// cloudKey is the key of an account in a generation. Its name says both: the generation in the last four characters, which a gateway's status
// shows.
func cloudKey(account string, generation int) bsssim.Account {
	a := bsssim.Account{
		AccessKey: fmt.Sprintf("AKCLOUD%sG%04d", strings.ToUpper(strings.ReplaceAll(account, "-", "")), generation), DomainID: account, Class: bsssim.Customer,
	}
	if account == "p-1" {
		a.Class = bsssim.Partner
	}
	a.SecretKey = "cloud-secret-of-" + a.AccessKey
	return a
}

// accountOf is the account that an access key is of.
func accountOf(accessKey string) string {
	for _, account := range accounts {
		prefix, _, _ := strings.Cut(cloudKey(account, 0).AccessKey, "G")
		if strings.HasPrefix(accessKey, prefix+"G") {
			return account
		}
	}
	return ""
}

// writeCloudKeys has the provider accept the next keys as well as those before them, and writes the files that gateways read.
func (w *world) writeCloudKeys() error {
	w.provider.generation++
	var accepted []bsssim.Account
	for _, account := range accounts {
		accepted = append(accepted, cloudKey(account, w.provider.generation), cloudKey(account, w.provider.generation-1))
	}
	if err := w.provider.accept(accepted); err != nil {
		return err
	}
	for _, account := range accounts {
		key := cloudKey(account, w.provider.generation)
		text, err := json.Marshal(map[string]any{"Version": 1, "AccessKeyId": key.AccessKey, "SecretAccessKey": key.SecretKey})
		if err != nil {
			return err
		}
		if err := w.write(account+".json", string(text)); err != nil {
			return err
		}
	}
	return nil
}

// rotateCloudKeys waits until all gateways sign with the next keys. The provider goes on accepting those before, for what is on its way,
// and no older ones.
func rotateCloudKeys(w *world, _ *rand.Rand) error {
	if err := w.writeCloudKeys(); err != nil {
		return err
	}
	for _, r := range w.replicas {
		if err := await("gateway "+r.name+" signs with the new cloud keys", func() error { return r.signsWith(w.provider.generation) }); err != nil {
			return err
		}
	}
	return nil
}

// signsWith returns why the gateway does not sign with the cloud keys of a generation; nil: it does.
func (r *replica) signsWith(generation int) error {
	status, body, err := r.act(http.MethodGet, "/v1/status")
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("its status: %d %s %w", status, body, err)
	}
	var answer struct {
		Credentials []struct {
			AccessKey string `json:"access_key"`
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	for _, c := range answer.Credentials {
		if !strings.HasSuffix(c.AccessKey, fmt.Sprintf("%04d", generation)) {
			return fmt.Errorf("it signs with %s", c.AccessKey)
		}
	}
	if len(answer.Credentials) != len(accounts) {
		return fmt.Errorf("it has %d credentials", len(answer.Credentials))
	}
	return nil
}

// issueVirtualKey writes what gateways read of a key of a caller's.
func (w *world) issueVirtualKey(i *identity) error {
	if err := w.write(i.key+".sk", i.secret+"\n"); err != nil {
		return err
	}
	return w.write("callers.d/"+i.key+".yaml", fmt.Sprintf("callers:\n  %s: {extends: true, auth: [{access_key: {id: %s, secret: {file: %q}}}]}\n",
		i.caller, i.key, w.file(i.key+".sk")))
}

// rotateVirtualKey issues the next key, has the caller use it, and revokes the old one, which is refused from then on.
func (w *world) rotateVirtualKey(caller string) error {
	next := w.callers.signing(caller)
	if err := w.issueVirtualKey(next); err != nil {
		return err
	}
	if err := w.onEach((*replica).reload); err != nil {
		return err
	}
	old := w.callers.replace(next)
	if err := os.Remove(w.file("callers.d/" + old.key + ".yaml")); err != nil {
		return err
	}
	return w.onEach(func(r *replica) error {
		if err := r.reload(); err != nil {
			return err
		}
		return r.refuses(old)
	})
}

// refuses checks that a key is not known any more.
func (r *replica) refuses(old *identity) error {
	s, err := old.prepare(kinds[0], kinds[0].act(0), 0)
	if err != nil {
		return err
	}
	request, err := s.request(r.current().address("https"))
	if err != nil {
		return err
	}
	var n note
	n.ask(old.transport, request)
	old.transport.CloseIdleConnections()
	if n.status != http.StatusUnauthorized || n.code != "TG.2004" {
		return fmt.Errorf("the revoked key %s is answered %d %s, %w", old.key, n.status, n.code, n.err)
	}
	return nil
}
