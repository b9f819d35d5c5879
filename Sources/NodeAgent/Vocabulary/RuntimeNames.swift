import PodRuntime

// Kubernetes and the runtime have words in common, and the runtime's module has a class of its own name, which hides the
// module: its types get names here, where nothing else is imported.

typealias RuntimeContainerStatus = ContainerStatus
typealias RuntimeContainerUser = ContainerUser
typealias RuntimeHostAlias = HostAlias
