package deploytest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	security "k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// root is the top of the repository.
const root = "../.."

// kinds are the kinds of objects that are deployed.
var kinds = map[meta.TypeMeta]func() runtime.Object{
	{APIVersion: "v1", Kind: "ConfigMap"}:                            func() runtime.Object { return &core.ConfigMap{} },
	{APIVersion: "v1", Kind: "Secret"}:                               func() runtime.Object { return &core.Secret{} },
	{APIVersion: "v1", Kind: "Service"}:                              func() runtime.Object { return &core.Service{} },
	{APIVersion: "v1", Kind: "ServiceAccount"}:                       func() runtime.Object { return &core.ServiceAccount{} },
	{APIVersion: "v1", Kind: "Pod"}:                                  func() runtime.Object { return &core.Pod{} },
	{APIVersion: "apps/v1", Kind: "StatefulSet"}:                     func() runtime.Object { return &apps.StatefulSet{} },
	{APIVersion: "apps/v1", Kind: "Deployment"}:                      func() runtime.Object { return &apps.Deployment{} },
	{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}:           func() runtime.Object { return &policy.PodDisruptionBudget{} },
	{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}:      func() runtime.Object { return &networking.NetworkPolicy{} },
	{APIVersion: "monitoring.coreos.com/v1", Kind: "ServiceMonitor"}: func() runtime.Object { return &monitoring.ServiceMonitor{} },
	{APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule"}: func() runtime.Object { return &monitoring.PrometheusRule{} },
}

// decode reads the objects of a manifest, each strictly into its type: a key that the type does not have, or that stands twice, is an error.
func decode(manifest []byte) (objects []runtime.Object, err error) {
	documents := yamlreader.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, err := decodeOne(document)
		if err != nil {
			return nil, err
		}
		if object != nil {
			objects = append(objects, object)
		}
	}
}

// decodeOne returns nil for a document that holds nothing but comments.
func decodeOne(document []byte) (runtime.Object, error) {
	var kind meta.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return nil, err
	}
	if kind == (meta.TypeMeta{}) && isEmpty(document) {
		return nil, nil
	}
	create := kinds[kind]
	if create == nil {
		return nil, errors.New("no type is known for " + kind.APIVersion + " " + kind.Kind)
	}
	object := create()
	return object, yaml.UnmarshalStrict(document, object)
}

func isEmpty(document []byte) bool {
	var content any
	return yaml.Unmarshal(document, &content) == nil && content == nil
}

// mustDecode decodes a manifest, or fails the test.
func mustDecode(t *testing.T, name string, manifest []byte) []runtime.Object {
	t.Helper()
	objects, err := decode(manifest)
	if err != nil || len(objects) == 0 {
		t.Fatalf("%s: %d objects, %v", name, len(objects), err)
	}
	return objects
}

// of returns the objects that have a type.
func of[T runtime.Object](objects []runtime.Object) (found []T) {
	for _, o := range objects {
		if one, ok := o.(T); ok {
			found = append(found, one)
		}
	}
	return found
}

// podsOf returns the pods that objects make.
func podsOf(objects []runtime.Object) (pods []core.PodTemplateSpec) {
	for _, set := range of[*apps.StatefulSet](objects) {
		pods = append(pods, set.Spec.Template)
	}
	for _, deployment := range of[*apps.Deployment](objects) {
		pods = append(pods, deployment.Spec.Template)
	}
	for _, pod := range of[*core.Pod](objects) {
		pods = append(pods, core.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec})
	}
	return pods
}

// containersOf returns the containers of a pod, those that start first in front.
func containersOf(pod *core.PodSpec) []core.Container {
	return slices.Concat(pod.InitContainers, pod.Containers)
}

// checkHardened reports what is missing to the Pod Security Standard "restricted", judged by the code of Kubernetes's own admission,
// and to the rules that it does not have: the root is read-only, and a pod has no account of the cluster.
func checkHardened(pod *core.PodTemplateSpec) (problems []string) {
	evaluator, err := podsecurity.NewEvaluator(podsecurity.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	restricted := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			problems = append(problems, result.ForbiddenReason+": "+result.ForbiddenDetail)
		}
	}
	if mounts := pod.Spec.AutomountServiceAccountToken; mounts == nil || *mounts {
		problems = append(problems, "automountServiceAccountToken is not false")
	}
	for _, c := range containersOf(&pod.Spec) {
		if c.SecurityContext == nil || c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
			problems = append(problems, c.Name+": readOnlyRootFilesystem is not true")
		}
		if c.Resources.Limits.Memory().IsZero() {
			problems = append(problems, c.Name+": memory has no limit")
		}
	}
	return problems
}

// readFile reads a file of the repository.
func readFile(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
