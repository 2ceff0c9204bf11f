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
	"encoding/pem"
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
	"tollgate/internal/private"
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

// Write writes the files of a configuration, all or none. Nothing that exists is changed: the error then wraps [fs.ErrExist].
func Write(s Settings) (*Written, error) {
	w := &Written{Config: filepath.Join(s.Dir, "tollgate.yaml"), AccessKey: virtualKey}
	files, err := s.files(w)
	if err != nil {
		return nil, err
	}
	if err := s.free(files); err != nil {
		return nil, fmt.Errorf("%w; nothing was written: choose another folder", err)
	}
	if err := s.create(files); err != nil {
		return nil, err
	}
	return w, nil
}

// free returns an error if one of the files is there, or others may put files into the folder.
func (s *Settings) free(files []file) error {
	for _, f := range append(files, file{name: "secrets"}, file{name: "audit"}) {
		path := filepath.Join(s.Dir, f.name)
		if _, err := os.Lstat(path); err == nil {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if exposed := private.Exposure(s.Dir); exposed != "" {
		return errors.New(exposed)
	}
	return nil
}

// create makes the folders and the files, or none of them: what it made is removed again when one cannot be made.
func (s *Settings) create(files []file) (err error) {
	var made []string
	defer func() {
		for _, path := range slices.Backward(made) {
			if err != nil {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, dir := range []string{s.Dir, filepath.Join(s.Dir, "secrets")} {
		if err := os.Mkdir(dir, 0o700); err == nil {
			made = append(made, dir)
		} else if dir != s.Dir || !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	for _, f := range files {
		path := filepath.Join(s.Dir, f.name)
		if err := durable.CreateFile(path, f.content); err != nil {
			return err
		}
		made = append(made, path)
	}
	return nil
}

// files returns the files, the configuration last: who finds it finds all.
func (s *Settings) files(w *Written) ([]file, error) {
	partner, customer, err := s.choose()
	if err != nil {
		return nil, err
	}
	var admin string
	if err := freeAddresses(&w.Listener, &admin); err != nil {
		return nil, err
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
		files = append(files, file{"ca.pem", certificates(s.Certificate)})
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

// certificates returns the certificates of a PEM file, without the key that servers may have in the same file.
func certificates(all []byte) string {
	var kept []byte
	for block, rest := pem.Decode(all); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			kept = append(kept, pem.EncodeToMemory(block)...)
		}
	}
	return string(kept)
}

// freeAddresses sets loopback addresses to ports that are free now. All are open until the last is known, so that no two are the same.
func freeAddresses(all ...*string) error {
	for _, address := range all {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close()
		*address = listener.Addr().String()
	}
	return nil
}
