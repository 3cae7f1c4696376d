/* SPDX-License-Identifier: Apache-2.0 */
/* Runs in headless Chromium (test_pages.py): loads each page in a frame, phone and desktop wide, light and dark, and says
 * what is wrong with it as lines of #out. PAGES and BASE are given. */
'use strict';
(async () => {
	const out = document.getElementById('out'), faults = [];
	let frames = 0;
	const fault = (page, what) => faults.push(page + ': ' + what);
	const wait = ms => new Promise(done => setTimeout(done, ms));

	async function load(url, width) {
		const frame = document.createElement('iframe');
		frame.style.cssText = 'border:0;width:' + width + 'px;height:800px';
		frame.src = url;
		const loaded = new Promise(done => { frame.onload = done; });
		document.body.append(frame);
		await loaded;
		frames++;
		return frame;
	}
	const channels = color => {
		const m = color.match(/^rgba?\(([^)]*)\)$/);
		return m ? m[1].split(/[ ,/]+/).map(Number) : null;
	};
	const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => {
		const v = c[i] / 255;
		return sum + w * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
	}, 0);
	function contrast(view, el) {
		const fg = channels(view.getComputedStyle(el).color);
		let bg = null;
		for (let e = el; e && !bg; e = e.parentElement) {
			const c = channels(view.getComputedStyle(e).backgroundColor);
			if (c && (c.length < 4 || c[3] > 0.5)) bg = c;
		}
		if (!fg) return 21;
		const [a, b] = [light(fg), light(bg || [255, 255, 255])].sort((x, y) => y - x);
		return (a + 0.05) / (b + 0.05);
	}
	/* Inside something that scrolls by itself a wide thing may be wide. */
	const scrolls = (view, el) => {
		for (let e = el; e; e = e.parentElement)
			if (e !== view.document.body && /auto|scroll|hidden/.test(view.getComputedStyle(e).overflowX)) return true;
		return false;
	};
	function look(name, frame, theme) {
		const view = frame.contentWindow, doc = view.document, root = doc.documentElement;
		const seen = new Set();
		root.dataset.theme = theme;
		if (view.getComputedStyle(root).colorScheme !== theme) fault(name, 'the theme does not change');
		const ground = light(channels(view.getComputedStyle(doc.body).backgroundColor) || [255, 255, 255]);
		if ((ground > 0.5) !== (theme === 'light')) fault(name, 'the background is not ' + theme);
		if (root.scrollWidth > root.clientWidth) fault(name, 'is ' + root.scrollWidth + ' wide in ' + root.clientWidth);
		if (doc.body.innerText.length < 100) fault(name, 'says nearly nothing');
		for (const el of doc.body.querySelectorAll('*')) {
			const box = el.getBoundingClientRect();
			const own = [...el.childNodes].some(n => n.nodeType === 3 && n.data.trim());
			if (!box.width || !own || !el.checkVisibility || !el.checkVisibility()) continue;
			if (box.right > root.clientWidth + 1 && !el.closest('svg') && !scrolls(view, el))
				fault(name, '<' + el.tagName + '> sticks out: ' + el.textContent.trim().slice(0, 40));
			const style = view.getComputedStyle(el), fill = el.closest('svg') ? style.fill : style.color;
			const key = fill + el.tagName + el.className + (el.parentElement ? el.parentElement.className : '');
			if (seen.has(key)) continue;
			seen.add(key);
			const c = contrast(view, el);
			if (c < 4.5) fault(name, '<' + el.tagName + ' class=' + el.className + '> has a contrast of ' + c.toFixed(1));
		}
		for (const text of doc.querySelectorAll('figure.drawing svg')) {
			if (text.getBoundingClientRect().width < 200) fault(name, 'a drawing is too small');
			const label = text.querySelector('text');
			if (label && label.getBoundingClientRect().height < 9) fault(name, 'a drawing cannot be read: letters of ' + label.getBoundingClientRect().height.toFixed(1));
		}
	}
	/* Bars and dots of a trace explain themselves on a click. */
	async function clicks(name, frame) {
		const doc = frame.contentWindow.document, told = doc.getElementById('told');
		const lanes = [...doc.querySelectorAll('.lane > b')].map(b => b.textContent);
		if (lanes.length < 2 || !lanes.some(l => l.includes('ring 0'))) fault(name, 'has the lanes ' + lanes);
		for (const kind of ['.span', '.dot', 'tbody tr'])
			for (const el of [...doc.querySelectorAll(kind)].slice(0, 40)) {
				told.replaceChildren();
				el.click();
				if (told.textContent.trim().length < 15) fault(name, kind + ' explains nothing');
			}
	}
	async function searches(frame) {
		const doc = frame.contentWindow.document, input = doc.getElementById('search');
		for (const [word, want] of [['grant_map', 'reference/grant_map.html'], ['scheduler', 'labs/05-scheduler.html'], ['pv_frame', 'struct-pv_frame.html']]) {
			input.value = word;
			input.dispatchEvent(new frame.contentWindow.Event('input'));
			if (![...doc.querySelectorAll('#results a')].slice(0, 5).some(a => a.href.endsWith(want))) fault('search', word + ' does not find ' + want);
		}
		input.value = 'xyzzy';
		input.dispatchEvent(new frame.contentWindow.Event('input'));
		if (doc.querySelector('#results a')) fault('search', 'xyzzy finds something');
	}
	for (const page of PAGES) {
		for (const width of [390, 1280]) {
			const frame = await load(BASE + page, width);
			for (const theme of ['light', 'dark']) look(page + ' ' + width + ' ' + theme, frame, theme);
			if (frame.contentWindow.document.getElementById('lanes')) await clicks(page, frame);
			if (page === 'index.html') await searches(frame);
			frame.remove();
		}
	}
	await wait(0);
	out.textContent = 'FRAMES ' + frames + '\n' + faults.join('\n') + '\nEND';
})();
