// Package starter writes a first configuration: a sidecar in front of the simulated billing API, with the secrets that fit it. [Settings]
// becomes a folder with
//
//	tollgate.yaml           the configuration
//	secrets/partner.json    cloud keys of a partner, which are the simulator's
//	secrets/customer.json   and of a customer
//	secrets/app.sk          the secret of a virtual key, made for this folder
//	ca.pem                  the certificate that the simulator shows, if it has one
//
// All are for their owner alone. The gateway puts its audit log beside them.
package starter

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"tollgate/catalog"
	"tollgate/internal/bsssim"
	"tollgate/internal/durable"
)

// Settings are what a configuration depends on.
type Settings struct {
	Dir         string // that the files go to; it is made if it is not there
	Site        string // "cn", "intl"
	Upstream    string // URL of the simulator
	Certificate []byte // PEM of what it shows; nil: it serves plain HTTP
	Accounts    []bsssim.Account
}

// Written is what callers need to know of a configuration.
type Written struct {
	Config    string // its path
	Listener  string // address of the sidecar, which is on a port that was free
	AccessKey string // of the virtual key
}

// virtualKey is the access key of the caller.
const virtualKey = "TGAPP"

//go:embed tollgate.yaml.tmpl
var text string

var configuration = template.Must(template.New("tollgate.yaml").Parse(text))

// file is what one file has.
type file struct{ name, content string }

// Write writes the files of a configuration. Nothing that exists is changed: the error wraps [fs.ErrExist], and no file was written.
func Write(s Settings) (*Written, error) {
	w := &Written{Config: filepath.Join(s.Dir, "tollgate.yaml"), AccessKey: virtualKey}
	files, err := s.files(w)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(files); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := durable.CreateFile(filepath.Join(s.Dir, f.name), f.content); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// prepare makes the folders, unless one of the files is there.
func (s *Settings) prepare(files []file) error {
	for _, f := range append(files, file{name: "secrets"}, file{name: "audit"}) {
		path := filepath.Join(s.Dir, f.name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w; nothing was written: choose another folder", path, errors.Join(fs.ErrExist, err))
		}
	}
	if err := os.Mkdir(s.Dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Mkdir(filepath.Join(s.Dir, "secrets"), 0o700)
}

// files returns the files, the configuration last: who finds it finds all.
func (s *Settings) files(w *Written) ([]file, error) {
	partner, customer, err := s.choose()
	if err != nil {
		return nil, err
	}
	var admin string
	for _, address := range []*string{&w.Listener, &admin} {
		if *address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	customers := s.known("PayOrders", "CancelCustomerOrder", "RenewalResources", "CancelResourcesSubscription")
	partners := s.known("ListSubCustomers", "CreateSubCustomer", "ListPartnerBalances", "ListIssuedPartnerCoupons")
	var config bytes.Buffer
	if err := configuration.Execute(&config, map[string]any{
		"Settings": s, "Written": w, "Admin": admin, "Socket": s.socket(), "Currency": catalog.Currency(s.Site), "Partner": partner, "Customer": customer,
		"OfCustomer": customers, "OfPartner": partners,
	}); err != nil {
		return nil, err
	}
	files := []file{{"secrets/partner.json", cloudKeys(partner)}, {"secrets/customer.json", cloudKeys(customer)}, {"secrets/app.sk", rand.Text() + rand.Text() + "\n"}}
	if s.Certificate != nil {
		files = append(files, file{"ca.pem", string(s.Certificate)})
	}
	return append(files, file{"tollgate.yaml", config.String()}), nil
}

// known returns those of the operations that the site has, as a list for the configuration.
func (s *Settings) known(names ...string) string {
	return strings.Join(slices.DeleteFunc(names, func(name string) bool { return catalog.Find(s.Site, name) == nil }), ", ")
}

// choose returns the first partner and the first customer that have permanent keys.
func (s *Settings) choose() (partner, customer *bsssim.Account, err error) {
	for i := range s.Accounts {
		switch a := &s.Accounts[i]; {
		case a.SecurityToken != "":
		case a.Class == bsssim.Partner && partner == nil:
			partner = a
		case a.Class == bsssim.Customer && customer == nil:
			customer = a
		}
	}
	if partner == nil || customer == nil {
		return nil, nil, errors.New("a configuration needs an access key of a partner and one of a customer, both without security token: the seed lacks one")
	}
	return partner, customer, nil
}

func cloudKeys(a *bsssim.Account) string {
	keys, err := json.Marshal(struct {
		Version                      int
		AccessKeyId, SecretAccessKey string
	}{1, a.AccessKey, a.SecretKey})
	if err != nil {
		panic("starter: encoding two texts: " + err.Error())
	}
	return string(keys) + "\n"
}

// longestSocket is how long a path of a unix socket may be (sockaddr_un, unix(7)), less what it is called while it is being made.
const longestSocket = 80

// socket returns the admin socket, which is beside the configuration where its path is not too long.
func (s *Settings) socket() string {
	path, err := filepath.Abs(filepath.Join(s.Dir, "admin.sock"))
	if err != nil || len(path) > longestSocket {
		return "none"
	}
	return "admin.sock"
}

// freeAddress returns a loopback address with a port that is free now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
