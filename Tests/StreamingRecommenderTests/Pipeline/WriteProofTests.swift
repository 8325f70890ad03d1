import Testing
@testable import Pipeline

@testable import StreamingRecommender

@Suite struct WriteProofTests {
  @Test func markerSurvivesItsText() {
    let marker = WriteMarker(token: "f00", generation: 3, ticket: .max)
    #expect(WriteMarker(text: marker.text) == marker)
  }

  @Test(arguments: ["", "a", "a 1", "a 1 2 3", "a x 2", "a 1 -2", "a  1 2"]) func foreignTextIsNoMarker(text: String) {
    #expect(WriteMarker(text: text) == nil)
  }

  @Test func nothingAcknowledgedCannotBeLost() {
    let proof = WriteProof()
    #expect(proof.survivingTicket(nil) == 0)
    #expect(!proof.showsLoss(nil))
  }

  @Test func missingOrForeignMarkersProveNothing() {
    var proof = WriteProof()
    proof.acknowledge(5)
    #expect(proof.survivingTicket(nil) == nil)
    #expect(proof.survivingTicket(WriteProof(token: "other").marker(completing: 5)) == nil)
    #expect(proof.showsLoss(nil))
  }

  @Test func anOlderMarkerProvesWhatWasCompleteThen() {
    var proof = WriteProof()
    let older = proof.marker(completing: 5)
    proof.acknowledge(5)
    let newer = proof.marker(completing: 9)
    proof.acknowledge(9)
    #expect(proof.survivingTicket(older) == 5 && proof.showsLoss(older))
    #expect(proof.survivingTicket(newer) == 9 && !proof.showsLoss(newer))
  }

  /// The marker of a pipeline that was refused in the middle stands behind commands that do not.
  @Test func markerOfAFailedPipelineProvesOnlyWhatWasAcknowledged() {
    var proof = WriteProof()
    proof.acknowledge(5)
    let failed = proof.marker(completing: 9)
    proof.pipelineFailed()
    #expect(proof.survivingTicket(failed) == 5)
    let repeated = proof.marker(completing: 9)
    proof.acknowledge(9)
    #expect(proof.survivingTicket(repeated) == 9)
    // A crash that takes the repetition back leaves the marker of the failed pipeline.
    #expect(proof.survivingTicket(failed) == 5)
  }

  @Test func manyFailuresInARowKeepTheProof() {
    var proof = WriteProof()
    let marker = proof.marker(completing: 5)
    proof.acknowledge(5)
    for _ in 0..<10_000 { proof.pipelineFailed() }
    #expect(proof.survivingTicket(marker) == 5)
  }
}
