// Hand-written equivalents of the API types a scheduler extender decodes.
// They are as complete as matters for the decode cost: every field a typical
// Pod or Node carries is typed (no RawMessage, no interface{}), quantities and
// times parse on decode, as the usual client types do.
package main

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

type Time struct{ time.Time }

func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		t.Time = time.Time{}
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	p, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return err
	}
	t.Time = p.Local()
	return nil
}
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	buf := make([]byte, 0, 22)
	buf = append(buf, '"')
	buf = t.UTC().AppendFormat(buf, time.RFC3339)
	return append(buf, '"'), nil
}

// Quantity: fixed point int64 with decimal scale, suffix kept for re-encoding.
type Quantity struct {
	v      int64
	scale  int8 // 10^scale for decimal, 2^(10*scale) for binary
	binary bool
	s      string
}

func (q *Quantity) UnmarshalJSON(b []byte) error {
	if len(b) >= 2 && b[0] == '"' {
		b = b[1 : len(b)-1]
	}
	p, err := ParseQuantity(string(b))
	if err != nil {
		return err
	}
	*q = p
	return nil
}
func (q Quantity) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, len(q.s)+2)
	out = append(out, '"')
	out = append(out, q.s...)
	return append(out, '"'), nil
}
func ParseQuantity(s string) (Quantity, error) {
	if s == "" {
		return Quantity{}, errors.New("empty quantity")
	}
	end := len(s)
	for end > 0 && !(s[end-1] >= '0' && s[end-1] <= '9') {
		end--
	}
	num, suf := s[:end], s[end:]
	q := Quantity{s: s}
	switch suf {
	case "":
	case "n":
		q.scale = -9
	case "u":
		q.scale = -6
	case "m":
		q.scale = -3
	case "k":
		q.scale = 3
	case "M":
		q.scale = 6
	case "G":
		q.scale = 9
	case "T":
		q.scale = 12
	case "Ki":
		q.binary, q.scale = true, 1
	case "Mi":
		q.binary, q.scale = true, 2
	case "Gi":
		q.binary, q.scale = true, 3
	case "Ti":
		q.binary, q.scale = true, 4
	default:
		return q, errors.New("bad suffix")
	}
	if i := strings.IndexByte(num, '.'); i >= 0 {
		f, err := strconv.ParseFloat(num, 64)
		if err != nil {
			return q, err
		}
		q.v = int64(f * 1000)
		q.scale -= 3
		return q, nil
	}
	v, err := strconv.ParseInt(num, 10, 64)
	q.v = v
	return q, err
}

var pow10 = [...]float64{1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12}

func (q Quantity) Float() float64 {
	if q.binary {
		return float64(q.v) * float64(int64(1)<<(10*uint(q.scale)))
	}
	return float64(q.v) * pow10[int(q.scale)+12]
}

type IntOrString struct {
	isStr bool
	i     int32
	s     string
}

func (v *IntOrString) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		v.isStr = true
		return json.Unmarshal(b, &v.s)
	}
	return json.Unmarshal(b, &v.i)
}
func (v IntOrString) MarshalJSON() ([]byte, error) {
	if v.isStr {
		return json.Marshal(v.s)
	}
	return json.Marshal(v.i)
}

type FieldsV1 struct{ Raw []byte }

func (f *FieldsV1) UnmarshalJSON(b []byte) error { f.Raw = append(f.Raw[:0], b...); return nil }
func (f FieldsV1) MarshalJSON() ([]byte, error)  { return f.Raw, nil }

type ManagedFields struct {
	Manager     string    `json:"manager,omitempty"`
	Operation   string    `json:"operation,omitempty"`
	APIVersion  string    `json:"apiVersion,omitempty"`
	Time        *Time     `json:"time,omitempty"`
	FieldsType  string    `json:"fieldsType,omitempty"`
	FieldsV1    *FieldsV1 `json:"fieldsV1,omitempty"`
	Subresource string    `json:"subresource,omitempty"`
}
type OwnerReference struct {
	APIVersion         string `json:"apiVersion"`
	Kind               string `json:"kind"`
	Name               string `json:"name"`
	UID                string `json:"uid"`
	Controller         *bool  `json:"controller,omitempty"`
	BlockOwnerDeletion *bool  `json:"blockOwnerDeletion,omitempty"`
}
type ObjectMeta struct {
	Name                       string            `json:"name,omitempty"`
	GenerateName               string            `json:"generateName,omitempty"`
	Namespace                  string            `json:"namespace,omitempty"`
	SelfLink                   string            `json:"selfLink,omitempty"`
	UID                        string            `json:"uid,omitempty"`
	ResourceVersion            string            `json:"resourceVersion,omitempty"`
	Generation                 int64             `json:"generation,omitempty"`
	CreationTimestamp          Time              `json:"creationTimestamp,omitempty"`
	DeletionTimestamp          *Time             `json:"deletionTimestamp,omitempty"`
	DeletionGracePeriodSeconds *int64            `json:"deletionGracePeriodSeconds,omitempty"`
	Labels                     map[string]string `json:"labels,omitempty"`
	Annotations                map[string]string `json:"annotations,omitempty"`
	OwnerReferences            []OwnerReference  `json:"ownerReferences,omitempty"`
	Finalizers                 []string          `json:"finalizers,omitempty"`
	ManagedFields              []ManagedFields   `json:"managedFields,omitempty"`
}
type TypeMeta struct {
	Kind       string `json:"kind,omitempty"`
	APIVersion string `json:"apiVersion,omitempty"`
}
type KeyToPath struct {
	Key  string `json:"key"`
	Path string `json:"path"`
	Mode *int32 `json:"mode,omitempty"`
}
type ObjectFieldSelector struct {
	APIVersion string `json:"apiVersion,omitempty"`
	FieldPath  string `json:"fieldPath"`
}
type ResourceFieldSelector struct {
	ContainerName string   `json:"containerName,omitempty"`
	Resource      string   `json:"resource"`
	Divisor       Quantity `json:"divisor,omitempty"`
}
type DownwardAPIFile struct {
	Path             string                 `json:"path"`
	FieldRef         *ObjectFieldSelector   `json:"fieldRef,omitempty"`
	ResourceFieldRef *ResourceFieldSelector `json:"resourceFieldRef,omitempty"`
	Mode             *int32                 `json:"mode,omitempty"`
}
type ServiceAccountTokenProjection struct {
	Audience          string `json:"audience,omitempty"`
	ExpirationSeconds *int64 `json:"expirationSeconds,omitempty"`
	Path              string `json:"path"`
}
type ConfigMapProjection struct {
	Name     string      `json:"name,omitempty"`
	Items    []KeyToPath `json:"items,omitempty"`
	Optional *bool       `json:"optional,omitempty"`
}
type DownwardAPIProjection struct {
	Items []DownwardAPIFile `json:"items,omitempty"`
}
type VolumeProjection struct {
	Secret              *ConfigMapProjection           `json:"secret,omitempty"`
	DownwardAPI         *DownwardAPIProjection         `json:"downwardAPI,omitempty"`
	ConfigMap           *ConfigMapProjection           `json:"configMap,omitempty"`
	ServiceAccountToken *ServiceAccountTokenProjection `json:"serviceAccountToken,omitempty"`
}
type Volume struct {
	Name     string `json:"name"`
	HostPath *struct {
		Path string  `json:"path"`
		Type *string `json:"type,omitempty"`
	} `json:"hostPath,omitempty"`
	EmptyDir *struct {
		Medium    string    `json:"medium,omitempty"`
		SizeLimit *Quantity `json:"sizeLimit,omitempty"`
	} `json:"emptyDir,omitempty"`
	Secret *struct {
		SecretName  string      `json:"secretName,omitempty"`
		Items       []KeyToPath `json:"items,omitempty"`
		DefaultMode *int32      `json:"defaultMode,omitempty"`
		Optional    *bool       `json:"optional,omitempty"`
	} `json:"secret,omitempty"`
	PersistentVolumeClaim *struct {
		ClaimName string `json:"claimName"`
		ReadOnly  bool   `json:"readOnly,omitempty"`
	} `json:"persistentVolumeClaim,omitempty"`
	ConfigMap *struct {
		Name        string      `json:"name,omitempty"`
		Items       []KeyToPath `json:"items,omitempty"`
		DefaultMode *int32      `json:"defaultMode,omitempty"`
		Optional    *bool       `json:"optional,omitempty"`
	} `json:"configMap,omitempty"`
	DownwardAPI *struct {
		Items       []DownwardAPIFile `json:"items,omitempty"`
		DefaultMode *int32            `json:"defaultMode,omitempty"`
	} `json:"downwardAPI,omitempty"`
	Projected *struct {
		Sources     []VolumeProjection `json:"sources"`
		DefaultMode *int32             `json:"defaultMode,omitempty"`
	} `json:"projected,omitempty"`
	CSI *struct {
		Driver           string            `json:"driver"`
		ReadOnly         *bool             `json:"readOnly,omitempty"`
		FSType           *string           `json:"fsType,omitempty"`
		VolumeAttributes map[string]string `json:"volumeAttributes,omitempty"`
	} `json:"csi,omitempty"`
	NFS *struct {
		Server   string `json:"server"`
		Path     string `json:"path"`
		ReadOnly bool   `json:"readOnly,omitempty"`
	} `json:"nfs,omitempty"`
}
type ContainerPort struct {
	Name          string `json:"name,omitempty"`
	HostPort      int32  `json:"hostPort,omitempty"`
	ContainerPort int32  `json:"containerPort"`
	Protocol      string `json:"protocol,omitempty"`
	HostIP        string `json:"hostIP,omitempty"`
}
type KeySelector struct {
	Name     string `json:"name,omitempty"`
	Key      string `json:"key"`
	Optional *bool  `json:"optional,omitempty"`
}
type EnvVarSource struct {
	FieldRef         *ObjectFieldSelector   `json:"fieldRef,omitempty"`
	ResourceFieldRef *ResourceFieldSelector `json:"resourceFieldRef,omitempty"`
	ConfigMapKeyRef  *KeySelector           `json:"configMapKeyRef,omitempty"`
	SecretKeyRef     *KeySelector           `json:"secretKeyRef,omitempty"`
}
type EnvVar struct {
	Name      string        `json:"name"`
	Value     string        `json:"value,omitempty"`
	ValueFrom *EnvVarSource `json:"valueFrom,omitempty"`
}
type ResourceList map[string]Quantity
type ResourceRequirements struct {
	Limits   ResourceList `json:"limits,omitempty"`
	Requests ResourceList `json:"requests,omitempty"`
	Claims   []struct {
		Name    string `json:"name"`
		Request string `json:"request,omitempty"`
	} `json:"claims,omitempty"`
}
type VolumeMount struct {
	Name              string  `json:"name"`
	ReadOnly          bool    `json:"readOnly,omitempty"`
	RecursiveReadOnly *string `json:"recursiveReadOnly,omitempty"`
	MountPath         string  `json:"mountPath"`
	SubPath           string  `json:"subPath,omitempty"`
	MountPropagation  *string `json:"mountPropagation,omitempty"`
	SubPathExpr       string  `json:"subPathExpr,omitempty"`
}
type HTTPHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
type Handler struct {
	Exec *struct {
		Command []string `json:"command,omitempty"`
	} `json:"exec,omitempty"`
	HTTPGet *struct {
		Path        string       `json:"path,omitempty"`
		Port        IntOrString  `json:"port"`
		Host        string       `json:"host,omitempty"`
		Scheme      string       `json:"scheme,omitempty"`
		HTTPHeaders []HTTPHeader `json:"httpHeaders,omitempty"`
	} `json:"httpGet,omitempty"`
	TCPSocket *struct {
		Port IntOrString `json:"port"`
		Host string      `json:"host,omitempty"`
	} `json:"tcpSocket,omitempty"`
	GRPC *struct {
		Port    int32   `json:"port"`
		Service *string `json:"service"`
	} `json:"grpc,omitempty"`
	Sleep *struct {
		Seconds int64 `json:"seconds"`
	} `json:"sleep,omitempty"`
}
type Probe struct {
	Handler
	InitialDelaySeconds           int32  `json:"initialDelaySeconds,omitempty"`
	TimeoutSeconds                int32  `json:"timeoutSeconds,omitempty"`
	PeriodSeconds                 int32  `json:"periodSeconds,omitempty"`
	SuccessThreshold              int32  `json:"successThreshold,omitempty"`
	FailureThreshold              int32  `json:"failureThreshold,omitempty"`
	TerminationGracePeriodSeconds *int64 `json:"terminationGracePeriodSeconds,omitempty"`
}
type SecurityContext struct {
	Capabilities *struct {
		Add  []string `json:"add,omitempty"`
		Drop []string `json:"drop,omitempty"`
	} `json:"capabilities,omitempty"`
	Privileged               *bool           `json:"privileged,omitempty"`
	SELinuxOptions           *SELinuxOptions `json:"seLinuxOptions,omitempty"`
	RunAsUser                *int64          `json:"runAsUser,omitempty"`
	RunAsGroup               *int64          `json:"runAsGroup,omitempty"`
	RunAsNonRoot             *bool           `json:"runAsNonRoot,omitempty"`
	ReadOnlyRootFilesystem   *bool           `json:"readOnlyRootFilesystem,omitempty"`
	AllowPrivilegeEscalation *bool           `json:"allowPrivilegeEscalation,omitempty"`
	ProcMount                *string         `json:"procMount,omitempty"`
	SeccompProfile           *SeccompProfile `json:"seccompProfile,omitempty"`
}
type SELinuxOptions struct {
	User, Role, Type, Level string `json:",omitempty"`
}
type SeccompProfile struct {
	Type             string  `json:"type"`
	LocalhostProfile *string `json:"localhostProfile,omitempty"`
}
type Container struct {
	Name           string                                         `json:"name"`
	Image          string                                         `json:"image,omitempty"`
	Command        []string                                       `json:"command,omitempty"`
	Args           []string                                       `json:"args,omitempty"`
	WorkingDir     string                                         `json:"workingDir,omitempty"`
	Ports          []ContainerPort                                `json:"ports,omitempty"`
	EnvFrom        []EnvFromSource                                `json:"envFrom,omitempty"`
	Env            []EnvVar                                       `json:"env,omitempty"`
	Resources      ResourceRequirements                           `json:"resources,omitempty"`
	ResizePolicy   []struct{ ResourceName, RestartPolicy string } `json:"resizePolicy,omitempty"`
	RestartPolicy  *string                                        `json:"restartPolicy,omitempty"`
	VolumeMounts   []VolumeMount                                  `json:"volumeMounts,omitempty"`
	VolumeDevices  []struct{ Name, DevicePath string }            `json:"volumeDevices,omitempty"`
	LivenessProbe  *Probe                                         `json:"livenessProbe,omitempty"`
	ReadinessProbe *Probe                                         `json:"readinessProbe,omitempty"`
	StartupProbe   *Probe                                         `json:"startupProbe,omitempty"`
	Lifecycle      *struct {
		PostStart *Handler `json:"postStart,omitempty"`
		PreStop   *Handler `json:"preStop,omitempty"`
	} `json:"lifecycle,omitempty"`
	TerminationMessagePath   string           `json:"terminationMessagePath,omitempty"`
	TerminationMessagePolicy string           `json:"terminationMessagePolicy,omitempty"`
	ImagePullPolicy          string           `json:"imagePullPolicy,omitempty"`
	SecurityContext          *SecurityContext `json:"securityContext,omitempty"`
	Stdin                    bool             `json:"stdin,omitempty"`
	StdinOnce                bool             `json:"stdinOnce,omitempty"`
	TTY                      bool             `json:"tty,omitempty"`
}
type EnvFromSource struct {
	Prefix       string       `json:"prefix,omitempty"`
	ConfigMapRef *KeySelector `json:"configMapRef,omitempty"`
	SecretRef    *KeySelector `json:"secretRef,omitempty"`
}
type SelectorReq struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values,omitempty"`
}
type LabelSelector struct {
	MatchLabels      map[string]string `json:"matchLabels,omitempty"`
	MatchExpressions []SelectorReq     `json:"matchExpressions,omitempty"`
}
type NodeSelectorTerm struct {
	MatchExpressions []SelectorReq `json:"matchExpressions,omitempty"`
	MatchFields      []SelectorReq `json:"matchFields,omitempty"`
}
type PodAffinityTerm struct {
	LabelSelector     *LabelSelector `json:"labelSelector,omitempty"`
	Namespaces        []string       `json:"namespaces,omitempty"`
	TopologyKey       string         `json:"topologyKey"`
	NamespaceSelector *LabelSelector `json:"namespaceSelector,omitempty"`
	MatchLabelKeys    []string       `json:"matchLabelKeys,omitempty"`
	MismatchLabelKeys []string       `json:"mismatchLabelKeys,omitempty"`
}
type PodAffinity struct {
	Required  []PodAffinityTerm `json:"requiredDuringSchedulingIgnoredDuringExecution,omitempty"`
	Preferred []struct {
		Weight          int32           `json:"weight"`
		PodAffinityTerm PodAffinityTerm `json:"podAffinityTerm"`
	} `json:"preferredDuringSchedulingIgnoredDuringExecution,omitempty"`
}
type Affinity struct {
	NodeAffinity *struct {
		Required *struct {
			NodeSelectorTerms []NodeSelectorTerm `json:"nodeSelectorTerms"`
		} `json:"requiredDuringSchedulingIgnoredDuringExecution,omitempty"`
		Preferred []struct {
			Weight     int32            `json:"weight"`
			Preference NodeSelectorTerm `json:"preference"`
		} `json:"preferredDuringSchedulingIgnoredDuringExecution,omitempty"`
	} `json:"nodeAffinity,omitempty"`
	PodAffinity     *PodAffinity `json:"podAffinity,omitempty"`
	PodAntiAffinity *PodAffinity `json:"podAntiAffinity,omitempty"`
}
type Toleration struct {
	Key               string `json:"key,omitempty"`
	Operator          string `json:"operator,omitempty"`
	Value             string `json:"value,omitempty"`
	Effect            string `json:"effect,omitempty"`
	TolerationSeconds *int64 `json:"tolerationSeconds,omitempty"`
}
type TopologySpreadConstraint struct {
	MaxSkew            int32          `json:"maxSkew"`
	TopologyKey        string         `json:"topologyKey"`
	WhenUnsatisfiable  string         `json:"whenUnsatisfiable"`
	LabelSelector      *LabelSelector `json:"labelSelector,omitempty"`
	MinDomains         *int32         `json:"minDomains,omitempty"`
	NodeAffinityPolicy *string        `json:"nodeAffinityPolicy,omitempty"`
	NodeTaintsPolicy   *string        `json:"nodeTaintsPolicy,omitempty"`
	MatchLabelKeys     []string       `json:"matchLabelKeys,omitempty"`
}
type LocalRef struct {
	Name string `json:"name,omitempty"`
}
type PodSpec struct {
	Volumes                       []Volume                         `json:"volumes,omitempty"`
	InitContainers                []Container                      `json:"initContainers,omitempty"`
	Containers                    []Container                      `json:"containers"`
	EphemeralContainers           []Container                      `json:"ephemeralContainers,omitempty"`
	RestartPolicy                 string                           `json:"restartPolicy,omitempty"`
	TerminationGracePeriodSeconds *int64                           `json:"terminationGracePeriodSeconds,omitempty"`
	ActiveDeadlineSeconds         *int64                           `json:"activeDeadlineSeconds,omitempty"`
	DNSPolicy                     string                           `json:"dnsPolicy,omitempty"`
	NodeSelector                  map[string]string                `json:"nodeSelector,omitempty"`
	ServiceAccountName            string                           `json:"serviceAccountName,omitempty"`
	DeprecatedServiceAccount      string                           `json:"serviceAccount,omitempty"`
	AutomountServiceAccountToken  *bool                            `json:"automountServiceAccountToken,omitempty"`
	NodeName                      string                           `json:"nodeName,omitempty"`
	HostNetwork                   bool                             `json:"hostNetwork,omitempty"`
	HostPID                       bool                             `json:"hostPID,omitempty"`
	HostIPC                       bool                             `json:"hostIPC,omitempty"`
	ShareProcessNamespace         *bool                            `json:"shareProcessNamespace,omitempty"`
	SecurityContext               *PodSecurityContext              `json:"securityContext,omitempty"`
	ImagePullSecrets              []LocalRef                       `json:"imagePullSecrets,omitempty"`
	Hostname                      string                           `json:"hostname,omitempty"`
	Subdomain                     string                           `json:"subdomain,omitempty"`
	Affinity                      *Affinity                        `json:"affinity,omitempty"`
	SchedulerName                 string                           `json:"schedulerName,omitempty"`
	Tolerations                   []Toleration                     `json:"tolerations,omitempty"`
	PriorityClassName             string                           `json:"priorityClassName,omitempty"`
	Priority                      *int32                           `json:"priority,omitempty"`
	ReadinessGates                []struct{ ConditionType string } `json:"readinessGates,omitempty"`
	RuntimeClassName              *string                          `json:"runtimeClassName,omitempty"`
	EnableServiceLinks            *bool                            `json:"enableServiceLinks,omitempty"`
	PreemptionPolicy              *string                          `json:"preemptionPolicy,omitempty"`
	Overhead                      ResourceList                     `json:"overhead,omitempty"`
	TopologySpreadConstraints     []TopologySpreadConstraint       `json:"topologySpreadConstraints,omitempty"`
	SchedulingGates               []LocalRef                       `json:"schedulingGates,omitempty"`
	ResourceClaims                []struct {
		Name                      string  `json:"name"`
		ResourceClaimName         *string `json:"resourceClaimName,omitempty"`
		ResourceClaimTemplateName *string `json:"resourceClaimTemplateName,omitempty"`
	} `json:"resourceClaims,omitempty"`
}
type PodSecurityContext struct {
	RunAsUser           *int64          `json:"runAsUser,omitempty"`
	RunAsGroup          *int64          `json:"runAsGroup,omitempty"`
	RunAsNonRoot        *bool           `json:"runAsNonRoot,omitempty"`
	SupplementalGroups  []int64         `json:"supplementalGroups,omitempty"`
	FSGroup             *int64          `json:"fsGroup,omitempty"`
	FSGroupChangePolicy *string         `json:"fsGroupChangePolicy,omitempty"`
	SeccompProfile      *SeccompProfile `json:"seccompProfile,omitempty"`
}
type PodCondition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	LastProbeTime      Time   `json:"lastProbeTime,omitempty"`
	LastTransitionTime Time   `json:"lastTransitionTime,omitempty"`
	Reason             string `json:"reason,omitempty"`
	Message            string `json:"message,omitempty"`
}
type PodStatus struct {
	Phase             string         `json:"phase,omitempty"`
	Conditions        []PodCondition `json:"conditions,omitempty"`
	Message           string         `json:"message,omitempty"`
	Reason            string         `json:"reason,omitempty"`
	NominatedNodeName string         `json:"nominatedNodeName,omitempty"`
	HostIP            string         `json:"hostIP,omitempty"`
	PodIP             string         `json:"podIP,omitempty"`
	StartTime         *Time          `json:"startTime,omitempty"`
	QOSClass          string         `json:"qosClass,omitempty"`
}
type Pod struct {
	TypeMeta
	ObjectMeta `json:"metadata,omitempty"`
	Spec       PodSpec   `json:"spec,omitempty"`
	Status     PodStatus `json:"status,omitempty"`
}

type Taint struct {
	Key       string `json:"key"`
	Value     string `json:"value,omitempty"`
	Effect    string `json:"effect"`
	TimeAdded *Time  `json:"timeAdded,omitempty"`
}
type Node struct {
	TypeMeta
	ObjectMeta `json:"metadata,omitempty"`
	Spec       struct {
		PodCIDR       string   `json:"podCIDR,omitempty"`
		PodCIDRs      []string `json:"podCIDRs,omitempty"`
		ProviderID    string   `json:"providerID,omitempty"`
		Unschedulable bool     `json:"unschedulable,omitempty"`
		Taints        []Taint  `json:"taints,omitempty"`
	} `json:"spec,omitempty"`
	Status struct {
		Capacity    ResourceList `json:"capacity,omitempty"`
		Allocatable ResourceList `json:"allocatable,omitempty"`
		Phase       string       `json:"phase,omitempty"`
		Conditions  []struct {
			Type               string `json:"type"`
			Status             string `json:"status"`
			LastHeartbeatTime  Time   `json:"lastHeartbeatTime,omitempty"`
			LastTransitionTime Time   `json:"lastTransitionTime,omitempty"`
			Reason             string `json:"reason,omitempty"`
			Message            string `json:"message,omitempty"`
		} `json:"conditions,omitempty"`
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses,omitempty"`
		DaemonEndpoints struct {
			KubeletEndpoint struct {
				Port int32 `json:"Port"`
			} `json:"kubeletEndpoint,omitempty"`
		} `json:"daemonEndpoints,omitempty"`
		NodeInfo struct {
			MachineID               string `json:"machineID"`
			SystemUUID              string `json:"systemUUID"`
			BootID                  string `json:"bootID"`
			KernelVersion           string `json:"kernelVersion"`
			OSImage                 string `json:"osImage"`
			ContainerRuntimeVersion string `json:"containerRuntimeVersion"`
			KubeletVersion          string `json:"kubeletVersion"`
			KubeProxyVersion        string `json:"kubeProxyVersion"`
			OperatingSystem         string `json:"operatingSystem"`
			Architecture            string `json:"architecture"`
		} `json:"nodeInfo,omitempty"`
		Images []struct {
			Names     []string `json:"names"`
			SizeBytes int64    `json:"sizeBytes,omitempty"`
		} `json:"images,omitempty"`
		VolumesInUse    []string `json:"volumesInUse,omitempty"`
		VolumesAttached []struct {
			Name       string `json:"name"`
			DevicePath string `json:"devicePath"`
		} `json:"volumesAttached,omitempty"`
	} `json:"status,omitempty"`
}
type NodeList struct {
	TypeMeta
	Metadata struct {
		ResourceVersion string `json:"resourceVersion,omitempty"`
		Continue        string `json:"continue,omitempty"`
	} `json:"metadata"`
	Items []Node `json:"items"`
}

type ExtenderArgs struct {
	Pod       *Pod
	Nodes     *NodeList
	NodeNames *[]string
}
type ExtenderFilterResult struct {
	Nodes                      *NodeList
	NodeNames                  *[]string
	FailedNodes                map[string]string
	FailedAndUnresolvableNodes map[string]string
	Error                      string
}
type HostPriority struct {
	Host  string
	Score int64
}
type HostPriorityList []HostPriority
