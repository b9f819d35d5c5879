import Testing

@testable import minikube_lite

@Suite struct StatusTests {
    @Test(
        arguments: [
            ("# TYPE minikube_lite_routed_services gauge\nminikube_lite_routed_services 12.0\nother 3.0\n", 12),
            ("minikube_lite_routed_services_more 12.0\n", nil), ("", nil), ("minikube_lite_routed_services x\n", nil),
        ] as [(String, Int?)])
    func countsRoutedServices(_ metrics: String, _ count: Int?) {
        #expect(StatusCommand.routedServices(metrics) == count)
    }
}
