import ArgumentParser
import KubernetesAPI

/// `minikube-lite supported`: the page `docs/supported.md`, from this program's own tables.
struct SupportedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "supported",
        abstract: "Print which kinds are served, and which fields are refused or without effect, as Markdown.",
        discussion: "Asks nobody: it is what this program was built with.")

    func run() { print(SupportedDocument.text, terminator: "") }
}
