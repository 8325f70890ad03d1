extension RecoveredEngine {
  /// Whether the snapshots hold anything that reading again would replace; one that cannot be read may.
  public var hasState: Bool {
    let state = engine.state
    return !refused.isEmpty || state.eventsApplied > 0 || state.users.count > 0 || engine.model != nil
  }

  /// Replaces the engine by one without state or model that begins to read at `offsets`, or at the earliest record where they have none.
  ///
  /// Epochs go on above those of the old state, because readers know them. Users whom a tombstone has removed and who did not return stay
  /// on the list of the forgotten, because a view may still fall back to data in which they exist.
  public mutating func startOver(at offsets: PartitionOffsets, configuration: RecommenderConfiguration) {
    let old = engine
    engine = RecommenderEngine(configuration)
    engine.lifecycle = ModelLifecycle(highest: old.lifecycle.highest)
    for (partition, offset) in offsets.next { engine.skip(to: offset, partition) }
    for user in old.state.forgotten.ids where old.state.users.find(user.id.bytes) == nil {
      engine.state.forgotten.insert(user.id, confirmedAt: user.confirmedAt)
    }
    snapshotSequence = nil
    droppedModelFactors = nil
  }
}
