'use strict';

// Imports and exports as azure-iothub's Registry makes them (e2etests/test/registry.js of the SDK), with
// a container written and read by @azure/storage-blob.
// usage: node import_export.js http://ADDRESS/devstoreaccount1

const assert = require('assert');
const { AnonymousCredential, ContainerClient } = require('@azure/storage-blob');
const { Registry } = require('azure-iothub');
const { check, eventually, main } = require('./facts');

const uri = `${process.argv[2]}/node?sv=2021-12-02&sig=any`;
const registry = Registry.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING);
const container = new ContainerClient(uri, new AnonymousCredential());
const ids = Array.from({ length: 200 }, (_, number) => `node-${String(number).padStart(3, '0')}`);

/** The job when it has ended. */
function ended(job) {
  return eventually(`the end of ${job.jobId}`, 30000, async () => {
    const now = await registry.getJob(job.jobId);
    return ['completed', 'failed', 'cancelled'].includes(now.status) ? now : undefined;
  });
}

async function exported() {
  const job = await ended(await registry.exportDevicesToBlob(uri, false));
  assert.deepStrictEqual([job.status, job.progress], ['completed', 100]);
  const text = (await container.getBlobClient('devices.txt').downloadToBuffer()).toString();
  const rows = text.split('\r\n').filter((line) => line).map((line) => JSON.parse(line));
  return new Map(rows.map((row) => [row.id, row]));
}

main(async () => {
  await check('the storage client puts, reads, lists and deletes', async () => {
    await container.create();
    const blob = container.getBlockBlobClient('folder/a b.txt');
    await blob.upload('0123456789', 10, { metadata: { k: 'v' } });
    assert.strictEqual((await blob.downloadToBuffer(2, 3)).toString(), '234');
    const properties = await blob.getProperties();
    assert.deepStrictEqual([properties.contentLength, properties.metadata], [10, { k: 'v' }]);
    const blocks = container.getBlockBlobClient('blocks');
    for (const name of ['b', 'a']) {
      await blocks.stageBlock(Buffer.from(name).toString('base64'), name.repeat(3), 3);
    }
    await blocks.commitBlockList(['a', 'b'].map((name) => Buffer.from(name).toString('base64')));
    assert.strictEqual((await blocks.downloadToBuffer()).toString(), 'aaabbb');
    const names = [];
    for await (const item of container.listBlobsFlat()) names.push(item.name);
    assert.deepStrictEqual(names, ['blocks', 'folder/a b.txt']);
    for (const name of names) await container.deleteBlob(name);
    await assert.rejects(blob.getProperties(), (error) => error.statusCode === 404);
  });
  await check('200 devices go out, away, and come back the same', async () => {
    for (const at of [0, 100]) {
      const devices = ids.slice(at, at + 100).map((deviceId) => ({ deviceId, status: 'enabled' }));
      await registry.addDevices(devices);
    }
    const before = await exported();
    assert.deepStrictEqual([...before.keys()].sort(), ids);
    for (const at of [0, 100]) {
      await registry.removeDevices(ids.slice(at, at + 100).map((deviceId) => ({ deviceId })), true);
    }
    const job = await ended(await registry.importDevicesFromBlob(uri, uri));
    assert.deepStrictEqual([job.status, job.failureReason], ['completed', null]);
    const after = await exported();
    assert.deepStrictEqual([...after.keys()].sort(), ids);
    for (const id of ids) {
      assert.deepStrictEqual(after.get(id).authentication, before.get(id).authentication);
    }
  });
  await check('jobs are listed and cancelled', async () => {
    const { responseBody: jobs } = await registry.listJobs(); // the others give the body itself
    assert.deepStrictEqual(jobs.map((job) => job.type), ['export', 'import', 'export']);
    await registry.cancelJob(jobs[0].jobId);
  });
});
