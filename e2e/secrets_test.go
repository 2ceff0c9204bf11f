package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"

	"tollgate/internal/bsssim"
)

// What applications of this test send and must not be found again.
const (
	customerToken = "security-token-of-c17-5kfP/+=0"
	password      = "Passw0rd-of-a-customer"
	code          = "verification-834512"
	phone         = "13812345678"
	idNumber      = "11010519491231002X"
	bearer        = "bearer-token-that-went-astray"
)

// outputs collects everything that the gateway says, by where it says it.
type outputs map[string]string

// TestNoSecretLeaves makes calls that carry secrets in every place where one can be, at log level debug, and then looks
// for them in everything that the gateway put out.
func TestNoSecretLeaves(t *testing.T) {
	t.Parallel()
	accounts := bsssim.DefaultAccounts()
	for i := range accounts {
		if accounts[i].DomainID == "c-17" {
			accounts[i].SecurityToken = customerToken
		}
	}
	w := newWorld(t, bsssim.Config{Accounts: accounts})
	w.configure(replaceOnce(t, standard, `secret_key: {env: C17_SK}`, `secret_key: {env: C17_SK}, security_token: {env: C17_TOKEN}`))
	p := w.start()
	said := outputs{}
	var tapped tap
	w.callsWithSecrets(p, &tapped, said)

	w.simulatorAgrees()
	for _, page := range []string{"/metrics", "/readyz", "/livez", "/", "/config", "/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/vars"} {
		_, said[page] = p.admin(page)
	}
	p.stop()
	said["stderr"], said["stdout"] = p.log(), p.stdout.String()
	w.commandsAfterwards(said)
	w.restart(said)
	w.dump(said)
	w.filesOfTheGateway(said)

	if records := w.records(); len(records) < 20 {
		t.Errorf("only %d records: the test says little", len(records))
	}
	for name, secret := range w.secrets(&tapped) {
		said.search(t, name, secret)
	}
	// A hash would do for a short code: it can be searched.
	for _, c := range append(arrived(w.simulator, "CreateSubCustomer"), arrived(w.simulator, "SendVerificationMessageCode")...) {
		said.search(t, "the hash of a body with a secret", c.BodySHA256)
	}
}

// search fails for each output that holds the secret, as it is or in a usual encoding.
func (o outputs) search(t *testing.T, name, secret string) {
	t.Helper()
	if len(secret) < 8 {
		t.Fatalf("%s is too short to search for: %q", name, secret)
	}
	for _, form := range spellings(secret) {
		for place, text := range o {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s is in %s: …%s…", name, place, text[max(0, i-80):min(len(text), i+len(form)+20)])
			}
		}
	}
}

// spellings are the ways in which programs write a text: as it is, escaped for URLs and JSON, in hex, base64 at each
// alignment, and as Go prints bytes.
func spellings(secret string) []string {
	raw := []byte(secret)
	quoted, _ := json.Marshal(secret) // a string: it cannot fail
	all := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, "/", `\/`), strings.ReplaceAll(secret, "=", `\u003d`),
		strings.Trim(string(quoted), `"`), strings.Trim(strconv.Quote(secret), `"`), html.EscapeString(secret),
		hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), fmt.Sprintf("% x", raw), strings.Trim(fmt.Sprint(raw), "[]"),
		strings.ReplaceAll(strings.Trim(fmt.Sprint(raw), "[]"), " ", ", "), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", raw), "[]byte{"), "}"),
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 { // its first and last letters depend on what stands beside it
			text := encoding.EncodeToString(append(make([]byte, before), raw...))
			all = append(all, text[(before*8+5)/6:len(text)-1])
		}
	}
	return all
}

// secrets names all that must not be found.
func (w *world) secrets(tapped *tap) map[string]string {
	all := map[string]string{
		"the shop's virtual secret": shopSecret, "the office's virtual secret": officeSecret, "a security token": customerToken, "a password": password,
		"a verification code": code, "a phone number": phone, "an identity number": idNumber, "a bearer token": bearer,
	}
	for i, line := range keyLines(w) {
		all["line "+strconv.Itoa(i)+" of the listener's private key"] = line
	}
	for _, a := range bsssim.DefaultAccounts() {
		all["the secret key of "+a.DomainID] = a.SecretKey
	}
	for _, r := range tapped.requests {
		if signed := signature(r.Header.Get("Authorization")); signed != "" {
			all["an inbound signature "+r.URL.Path+" "+signed[:4]] = signed
		}
	}
	for _, c := range w.simulator.Calls() {
		all["an outbound signature "+c.RequestID] = signature(c.Header.Get("Authorization"))
	}
	return all
}

// keyLines are the lines of the listener's private key.
func keyLines(w *world) (lines []string) {
	text, err := os.ReadFile(w.file("gateway.key"))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-") {
			lines = append(lines, line)
		}
	}
	return lines
}

// callsWithSecrets makes the calls. Answers go into said; those of the provider itself hold what it was sent nowhere.
func (w *world) callsWithSecrets(p *process, tapped *tap, said outputs) {
	t := w.t
	answers := func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		response, err := tapped.pass(r, next)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(response.Body)
		response.Body = io.NopCloser(strings.NewReader(string(body)))
		var header strings.Builder
		_ = response.Header.Write(&header)
		said["answers"] += header.String() + string(body) + "\n"
		return response, err
	}
	shop, office := w.shop(p).through(answers), w.office(p).through(answers)
	balance(t, shop.bss(t))
	_ = pay(shop.bss(t), "CS-1001")
	create := &model.CreateSubCustomerRequest{Body: &model.CreateCustomerV2Req{
		DomainName: pointer("e2e-secrets"), XaccountId: "x-1", XaccountType: "E2E", Password: pointer(password), VerificationCode: pointer(code), MobilePhone: pointer(phone),
	}}
	for range 2 { // the second has its name taken: an error that the provider explains
		if _, err := office.bss(t).CreateSubCustomer(create); err != nil {
			said["answers"] += err.Error()
		}
		create.Body.XaccountId += "2"
	}
	if _, err := office.bss(t).SendVerificationMessageCode(&model.SendVerificationMessageCodeRequest{Body: &model.SendVerificationCodeV2Req{MobilePhone: phone, ReceiverType: 1}}); err != nil {
		t.Errorf("sending a code: %v", err)
	}
	wrong := w.shop(p).through(answers)
	wrong.secret += "-wrong"
	_ = pay(wrong.bss(t), "CS-1001")
	w.strayRequests(p, answers)
	for _, fault := range []bsssim.FaultKind{bsssim.Drop, bsssim.Truncate, bsssim.ServerError, bsssim.BadSignature} {
		if err := w.simulator.Inject(bsssim.Fault{Operation: "PayOrders", Kind: fault}); err != nil {
			t.Fatal(err)
		}
		_ = pay(shop.bss(t), "CS-1002-"+string(fault))
	}
}

// strayRequests carry secrets where no application should put them.
func (w *world) strayRequests(p *process, answers func(*http.Request, http.RoundTripper) (*http.Response, error)) {
	base := "http://" + p.address("plain")
	const pay, create = "/v3/orders/customer-orders/pay", "/v2/partners/sub-customers"
	secretBody := `{"password":"` + password + `","verification_code":"` + code + `","id_number":"` + idNumber + `"`
	through := roundTripper(func(r *http.Request) (*http.Response, error) { return answers(r, &http.Transport{}) })
	for _, r := range []*http.Request{
		request(w.t, "GET", base+"/v2/unknown/operation?password="+password+"&code="+code, ""),
		request(w.t, "GET", base+"/v2/accounts/customer-accounts/balances?password="+password+"&id_token="+url.QueryEscape(bearer), ""),
		request(w.t, "GET", base+"/v2/accounts/customer-accounts/balances", "", "Authorization", "Bearer "+bearer),
		request(w.t, "GET", base+"/v2/accounts/customer-accounts/balances", "", "Authorization", "SDK-HMAC-SHA256 "+bearer),
		request(w.t, "GET", base+"/v2/accounts/customer-accounts/balances", "", "X-Auth-Token", bearer),
		request(w.t, "GET", base+"/v2/accounts/customer-accounts/balances", "", "Cookie", "session="+bearer, "Proxy-Authorization", bearer),
		request(w.t, "POST", base+pay, secretBody+`}`),                    // members that no payment has
		request(w.t, "POST", base+pay, secretBody),                        // broken JSON
		request(w.t, "POST", base+pay, secretBody+`,"password":"twice"}`), // a repeated member
		request(w.t, "POST", base+pay, secretBody+`,"order_id":"1"}{}`),   // a second value
		request(w.t, "POST", base+create, secretBody+`}`),                 // not the shop's to call
		request(w.t, "POST", base+create+"?password="+password, "{"),      // in the query of a sensitive operation
		request(w.t, "POST", base+pay, secretBody+`}`, "Tollgate-Credential", bearer),
	} {
		send(w.t, through, r)
	}
}

// simulatorAgrees proves that the secrets were really sent: the provider got them.
func (w *world) simulatorAgrees() {
	w.t.Helper()
	created := arrived(w.simulator, "CreateSubCustomer")
	if len(created) == 0 || !strings.Contains(string(created[0].Body), password) {
		w.t.Error("the password did not reach the provider")
	}
	if calls := arrived(w.simulator, "ShowCustomerAccountBalances"); len(calls) == 0 || calls[0].Header.Get("X-Security-Token") != customerToken {
		w.t.Error("the security token did not reach the provider")
	}
}

// commandsAfterwards runs every command that reads what holds secrets, or what was written about them.
func (w *world) commandsAfterwards(said outputs) {
	w.t.Helper()
	dir := w.file("audit")
	ids := map[string]bool{}
	for _, r := range w.records() {
		ids[r.Call] = r.Call != ""
	}
	commands := [][]string{
		{"check", "--config", w.config}, {"audit", "list", "--dir", dir}, {"audit", "list", "--dir", dir, "--json"},
		{"audit", "list", "--dir", dir, "-o", "csv"}, {"audit", "list", "--dir", dir, "-o", "wide"}, {"audit", "records", "--dir", dir}, {"audit", "records", "--dir", dir, "--json"},
		{"audit", "report", "--dir", dir}, {"audit", "tail", "--dir", dir}, {"audit", "tail", "--dir", dir, "--records"},
		{"health", "--config", w.config}, {"catalog", "SubCustomer"}, {"version"}, {"tls", "policy"},
		{"audit", "list", "--dir", dir, "--outcome", "failed"}, {"check", "--config", w.write("broken.yaml", w.broken())},
		{"explain", "--config", w.config, "--caller", "shop", "--json", "GET", "/v2/accounts/customer-accounts/balances?password=" + password},
		{"explain", "--config", w.config, "--caller", "shop", "POST", "/v3/orders/customer-orders/pay"},
		{"explain", "--config", w.config, "--caller", "office", "--json", "POST", "/v2/partners/sub-customers"},
		{"run", "--config", w.write("inline.yaml", w.inline())}, {"check", "--config", w.write("inline.yaml", w.inline())},
	}
	for id, has := range ids { // as JSON it is a line of the log, which is searched itself
		if has {
			commands = append(commands, []string{"audit", "show", "--dir", dir, id}, []string{"audit", "show", "--dir", dir, id, "--json"})
		}
	}
	for _, args := range commands {
		got := run(w.t, w.env, args...)
		text := got.stdout + got.stderr
		if args[0] == "explain" { // it repeats its arguments, which its user has typed
			text = strings.ReplaceAll(text, args[len(args)-1], "")
		}
		said["tollgate "+args[0]] += text
	}
}

// filesOfTheGateway reads every file that the test has not written itself.
func (w *world) filesOfTheGateway(said outputs) {
	w.t.Helper()
	segments := 0
	err := filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || filepath.Dir(path) == w.dir && slices.Contains([]string{".yaml", ".crt", ".key", ".pem", ".sk"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(path, ".jsonl") {
			segments++
		}
		said[path] = string(text)
		return err
	})
	if err != nil || segments == 0 {
		w.t.Fatalf("%d segments of the audit log, %v", segments, err)
	}
}

// dump asks for the stacks of all goroutines, as SIGQUIT does, while a payment is under way.
func (w *world) dump(said outputs) {
	w.t.Helper()
	w.env = append(w.env, "GOTRACEBACK=all")
	p := w.start()
	hold := w.holdPayments()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = pay(w.shop(p).bss(w.t), "CS-10")
	}()
	<-hold.arrived
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		w.t.Fatal(err)
	}
	p.code()
	close(hold.release)
	<-done
	said["the stacks of all goroutines"] = p.log()
	if !strings.Contains(p.log(), "goroutine ") || !strings.Contains(p.log(), "gateway.(*call)") {
		w.t.Error("the dump does not show the call: the test says little")
	}
}

// inline is a configuration with a secret where only a reference belongs.
func (w *world) inline() string {
	text, err := os.ReadFile(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Replace(string(text), "secret: {env: SHOP_SK}", "secret: "+shopSecret, 1)
}

// broken is a configuration with secrets in the place of references, of names and of keys.
func (w *world) broken() string {
	return "callers: {app: {auth: [{access_key: {id: X, secret:" + shopSecret + "}}]}}\ncredentials:\n  main:\n    secret_key: |\n      " + officeSecret +
		"\n    security_token: '" + customerToken + "'\n    access_key: {env: " + officeSecret + "}\n"
}

// restart looks at what a start after a crash says.
func (w *world) restart(said outputs) {
	p := w.start()
	hold := w.holdPayments()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = pay(w.shop(p).bss(w.t), "CS-9")
	}()
	<-hold.arrived
	p.kill()
	close(hold.release)
	<-done
	again := w.start()
	again.stop()
	said["stderr after a crash"] = p.log() + again.log()
	w.endedWell()
}
